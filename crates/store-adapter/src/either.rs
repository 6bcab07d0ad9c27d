//! What there is on SQLite and on PostgreSQL alike.

/// Something of either database.
#[derive(Clone, Debug)]
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Runs the same code for either database.
macro_rules! on_either {
    ($either:expr, $it:ident => $code:expr) => {
        match $either {
            $crate::either::Either::Sqlite($it) => $code,
            $crate::either::Either::Postgres($it) => $code,
        }
    };
}

/// Makes something else of either database, by the same code.
macro_rules! map_either {
    ($either:expr, $it:ident => $code:expr) => {
        match $either {
            $crate::either::Either::Sqlite($it) => $crate::either::Either::Sqlite($code),
            $crate::either::Either::Postgres($it) => $crate::either::Either::Postgres($code),
        }
    };
}
