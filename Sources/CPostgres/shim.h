// What Fanfare uses of libpq: one connection, and statements with their parameters.
#ifndef CPOSTGRES_SHIM_H
#define CPOSTGRES_SHIM_H
#include <postgresql/libpq-fe.h>

/// PG_DIAG_SQLSTATE is a character, which Swift does not import.
static inline const char *CPostgresState(const PGresult *result) {
  return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline void CPostgresIgnore(void *argument, const PGresult *result) {}

/// What the server remarks would go to the standard error.
static inline void CPostgresSilence(PGconn *connection) {
  PQsetNoticeReceiver(connection, CPostgresIgnore, NULL);
}
#endif
