// What Fanfare uses of OpenSSL 3: digests, MACs and signatures through EVP, keys through PEM and parameters.
#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/// EVP_PKEY_PUBLIC_KEY and EVP_PKEY_KEYPAIR are compound macros, which Swift does not import.
enum { COpenSSLSelectPublicKey = EVP_PKEY_PUBLIC_KEY, COpenSSLSelectKeyPair = EVP_PKEY_KEYPAIR };

/// EVP_PKEY_Q_keygen is variadic: its last argument depends on the type of the key.
static inline EVP_PKEY *COpenSSLGenerateRSA(size_t bits) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
}
static inline EVP_PKEY *COpenSSLGenerateEC(const char *curve) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}
static inline EVP_PKEY *COpenSSLGenerate(const char *type) {
  return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

/// BIO_get_mem_data is a macro.
static inline long COpenSSLMemoryOf(BIO *bio, char **start) { return BIO_get_mem_data(bio, start); }

/// A public key from named parameters; takes the builder. Null if the parameters make no key.
///
/// The parameters point into each other, so they are built, used and freed at one place.
static inline EVP_PKEY *COpenSSLPublicKey(const char *type, OSSL_PARAM_BLD *builder) {
  EVP_PKEY *key = NULL;
  OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  if (parameters != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1 &&
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  return key;
}

/// An RSA public key from its modulus and exponent, big-endian.
static inline EVP_PKEY *COpenSSLPublicKeyRSA(const unsigned char *modulus, size_t modulusLength,
                                             const unsigned char *exponent, size_t exponentLength) {
  EVP_PKEY *key = NULL;
  BIGNUM *n = BN_bin2bn(modulus, (int)modulusLength, NULL);
  BIGNUM *e = BN_bin2bn(exponent, (int)exponentLength, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  if (n != NULL && e != NULL && builder != NULL &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
    key = COpenSSLPublicKey("RSA", builder);
  } else {
    OSSL_PARAM_BLD_free(builder);
  }
  BN_free(n);
  BN_free(e);
  return key;
}

/// An EC public key from its curve's name and its point, uncompressed (0x04 || x || y).
static inline EVP_PKEY *COpenSSLPublicKeyEC(const char *curve, const unsigned char *point, size_t length) {
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  if (builder != NULL && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, length) == 1) {
    return COpenSSLPublicKey("EC", builder);
  }
  OSSL_PARAM_BLD_free(builder);
  return NULL;
}

/// An HMAC context keyed and ready; null if the digest is unknown.
static inline EVP_MAC_CTX *COpenSSLKeyedHMAC(const char *digest, const unsigned char *key, size_t length) {
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
  OSSL_PARAM parameters[2] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
      OSSL_PARAM_construct_end(),
  };
  if (context != NULL && EVP_MAC_init(context, key, length, parameters) != 1) {
    EVP_MAC_CTX_free(context);
    context = NULL;
  }
  EVP_MAC_free(mac);
  return context;
}

#endif
