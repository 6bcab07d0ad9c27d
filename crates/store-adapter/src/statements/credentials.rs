use labgate_domain::people::{AccountId, Credential, PasswordHash};

use crate::sql::Sql;
use crate::statement::Statement;

const FIND: Sql = select!("credentials", "hash, must_change FROM credentials WHERE account_id = $1");

/// Writes nothing for an account that does not exist.
const SET: &str = "
    INSERT INTO credentials (account_id, hash, must_change)
    SELECT id, $2, $3 FROM accounts WHERE id = $1
    ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, must_change = excluded.must_change";

const REPLACE: &str = "
    UPDATE credentials SET hash = $2, must_change = $3 WHERE account_id = $1 AND hash = $4";

/// Asks whether a password or an identity opens the account.
const OPENS: &str = "
    SELECT EXISTS (SELECT 1 FROM credentials WHERE account_id = $1)
        OR EXISTS (SELECT 1 FROM external_identities WHERE account_id = $1)";

pub(crate) fn find(id: AccountId) -> Statement {
    Statement::new(FIND).bind(id)
}

/// Sets the credential of an account, with or without one before.
pub(crate) fn set(id: AccountId, credential: &Credential) -> Statement {
    with_credential(SET, id, credential)
}

/// Replaces the credential that has this hash.
pub(crate) fn replace(id: AccountId, credential: &Credential, hash: &PasswordHash) -> Statement {
    with_credential(REPLACE, id, credential).bind(hash.expose())
}

fn with_credential(sql: &'static str, id: AccountId, credential: &Credential) -> Statement {
    Statement::new(sql).bind(id).bind(credential.hash.expose()).bind(credential.must_change)
}

pub(crate) fn opens(id: AccountId) -> Statement {
    Statement::new(OPENS).bind(id)
}
