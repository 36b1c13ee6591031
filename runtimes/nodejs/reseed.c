/*
 * reseed(): makes OpenSSL, which is inside the node binary, take fresh entropy from the kernel.
 * Returns true when it did. Processes restored from one snapshot share OpenSSL's state, and nothing
 * that Node.js offers to JavaScript reseeds it.
 *
 * RAND_poll(3) reseeds the root generator; those of the threads notice that and follow.
 * A Node-API module (https://nodejs.org/api/n-api.html), its few declarations written out so that
 * no header of Node.js is needed to build it.
 */
#include <stdbool.h>
#include <stddef.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);

extern int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern int napi_get_boolean(napi_env, bool, napi_value *);
extern int RAND_poll(void);

static napi_value reseed(napi_env env, napi_callback_info info) {
    (void)info;
    napi_value done;
    napi_get_boolean(env, RAND_poll() == 1, &done);
    return done;
}

/* The module is the function. */
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env,
                                                                          napi_value exports) {
    napi_value function;
    return napi_create_function(env, "reseed", 6, reseed, NULL, &function) == 0 ? function : exports;
}
