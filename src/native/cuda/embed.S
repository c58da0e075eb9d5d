/*
 * Device code inside the addon, as bytes (scripts/native/device-code.ts makes the two files). PTX is
 * text and ends with a zero.
 */
  .section .rodata
#ifdef KADRE_FATBIN
  .balign 16
  .global kadre_fatbin
  .hidden kadre_fatbin
kadre_fatbin:
  .incbin "kernels.fatbin"
#endif
#ifdef KADRE_PTX
  .balign 16
  .global kadre_ptx
  .hidden kadre_ptx
kadre_ptx:
  .incbin "kernels.ptx"
  .byte 0
#endif
  .section .note.GNU-stack,"",%progbits
