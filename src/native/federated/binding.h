/* Codecs and rounds of the addon, as two JavaScript objects of functions. */
#ifndef KADRE_FEDERATED_BINDING_H
#define KADRE_FEDERATED_BINDING_H

#include <napi.h>

namespace kadre {

Napi::Object federated_codecs(Napi::Env env);
Napi::Object federated_rounds(Napi::Env env);

}  // namespace kadre

#endif
