/* The gradient codecs of the addon, as one JavaScript object of functions. */
#ifndef KADRE_FEDERATED_BINDING_H
#define KADRE_FEDERATED_BINDING_H

#include <napi.h>

namespace kadre {

Napi::Object federated_codecs(Napi::Env env);

}  // namespace kadre

#endif
