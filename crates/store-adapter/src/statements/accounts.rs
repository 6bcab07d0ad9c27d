use labgate_domain::people::{
    AcceptedTerms, Account, AccountId, AccountStatus, DisplayName, EmailAddress, LocalGroups, Role,
    TermsDigest, Username,
};

use crate::sql::Sql;
use crate::statement::Statement;

/// Usernames and e-mail addresses are one set of names: an address that is another account's username is
/// taken.
const NAME_IS_TAKEN: &str = "
    SELECT EXISTS (
        SELECT 1 FROM accounts WHERE id <> $1 AND (username IN ($2, $3) OR email IN ($2, $3))
    )";

const ADD: &str = "
    INSERT INTO accounts (id, username, email, name, role, status, created_at, groups)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const IS_ACTIVE: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND status = 'active')";

const IS_ACTIVE_WITH: &str = "
    SELECT EXISTS (SELECT 1 FROM accounts WHERE id = $1 AND status = 'active' AND email = $2)";

/// A username that is the former address follows the new one.
const TAKE_OVER_PROFILE: &str = "
    UPDATE accounts
    SET email = coalesce($2, email), name = coalesce(name, $3),
        username = CASE WHEN username = email THEN coalesce($2, username) ELSE username END
    WHERE id = $1";

/// Without such an account there is no row.
const IS_LAST_ADMINISTRATOR: &str = "
    SELECT role = 'admin' AND status = 'active' AND NOT EXISTS (
        SELECT 1 FROM accounts WHERE id <> $1 AND role = 'admin' AND status = 'active'
    )
    FROM accounts WHERE id = $1";

/// Pages are in the order of the ids as texts, which is that of the ids.
const PAGE: Sql = select!("accounts", account_columns!(), "FROM accounts WHERE id > $1 ORDER BY id LIMIT $2");

const GROUPS: Sql = select!("accounts", "groups FROM accounts WHERE id = $1");

/// Asks whether the username or the address of an account is another's.
pub(crate) fn names_are_taken(account: &Account) -> Statement {
    let username = account.username.as_str();
    name_is_taken(account.id, username, account.email.as_ref().map_or(username, EmailAddress::as_str))
}

/// Asks whether an address is another account's.
pub(crate) fn email_is_taken(id: AccountId, email: &EmailAddress) -> Statement {
    name_is_taken(id, email.as_str(), email.as_str())
}

/// Asks whether a username is another account's name or address.
pub(crate) fn username_is_taken(id: AccountId, name: &Username) -> Statement {
    name_is_taken(id, name.as_str(), name.as_str())
}

fn name_is_taken(id: AccountId, name: &str, other: &str) -> Statement {
    Statement::new(NAME_IS_TAKEN).bind(id).bind(name).bind(other)
}

/// Adds an account, and then the acceptances that it has.
pub(crate) fn add(account: &Account) -> impl Iterator<Item = Statement> {
    let add = Statement::new(ADD)
        .bind(account.id)
        .bind(account.username.as_str())
        .bind(account.email.as_ref().map(EmailAddress::as_str))
        .bind(account.name.as_ref().map(DisplayName::as_str))
        .bind(account.role.as_str())
        .bind(account.status.as_str())
        .bind(account.created_at)
        .bind(&account.groups);
    std::iter::once(add).chain(account.accepted_terms.iter().map(|terms| accept_terms(account.id, terms)))
}

/// Takes over the address, if there is one, and the name, if the account has none.
pub(crate) fn take_over_profile(
    id: AccountId,
    email: Option<&EmailAddress>,
    name: Option<&DisplayName>,
) -> Statement {
    Statement::new(TAKE_OVER_PROFILE)
        .bind(id)
        .bind(email.map(EmailAddress::as_str))
        .bind(name.map(DisplayName::as_str))
}

pub(crate) fn is_active(id: AccountId) -> Statement {
    Statement::new(IS_ACTIVE).bind(id)
}

/// Asks whether an account is active and has this address.
pub(crate) fn is_active_with(id: AccountId, email: &EmailAddress) -> Statement {
    Statement::new(IS_ACTIVE_WITH).bind(id).bind(email.as_str())
}

pub(crate) fn has_administrator() -> Statement {
    Statement::new("SELECT EXISTS (SELECT 1 FROM accounts WHERE role = 'admin')")
}

pub(crate) fn is_last_administrator(id: AccountId) -> Statement {
    Statement::new(IS_LAST_ADMINISTRATOR).bind(id)
}

/// Lists accounts after this id. Those in which the text, ASCII in lower case, cannot occur may be left out.
pub(crate) fn page(after: Option<AccountId>, limit: usize, search: Option<&str>) -> Statement {
    let sql = if search.is_some() { in_dialect!(LIKELY_PAGE) } else { PAGE };
    let page = Statement::new(sql)
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    match search {
        Some(search) => page.bind(search),
        None => page,
    }
}

pub(crate) fn set_status(id: AccountId, status: AccountStatus) -> Statement {
    Statement::new("UPDATE accounts SET status = $2 WHERE id = $1").bind(id).bind(status.as_str())
}

pub(crate) fn set_role(id: AccountId, role: Role) -> Statement {
    Statement::new("UPDATE accounts SET role = $2 WHERE id = $1").bind(id).bind(role.as_str())
}

pub(crate) fn rename(id: AccountId, name: &Username) -> Statement {
    Statement::new("UPDATE accounts SET username = $2 WHERE id = $1").bind(id).bind(name.as_str())
}

pub(crate) fn accept_terms(id: AccountId, terms: &AcceptedTerms) -> Statement {
    Statement::new(in_dialect!(ACCEPT_TERMS))
        .bind(id)
        .bind(terms.version.as_str())
        .bind(terms.digest.as_ref().map(TermsDigest::as_str))
        .bind(terms.at)
}

pub(crate) fn groups(id: AccountId) -> Statement {
    Statement::new(GROUPS).bind(id)
}

pub(crate) fn set_groups(id: AccountId, groups: &LocalGroups) -> Statement {
    Statement::new("UPDATE accounts SET groups = $2 WHERE id = $1").bind(id).bind(groups)
}

/// Deletes an account. The foreign keys delete the rows of other tables that belong to it.
pub(crate) fn delete(id: AccountId) -> Statement {
    Statement::new("DELETE FROM accounts WHERE id = $1").bind(id)
}
