//! The values of the domain in the rows of the tables.

use std::net::IpAddr;

use labgate_domain::access_token::{AccessToken, AccessTokenId, TokenScope};
use labgate_domain::identity::LinkedIdentity;
use labgate_domain::people::{
    AcceptedTerms, Account, AccountId, AccountStatus, Credential, DisplayName, EmailAddress, LocalGroups,
    PasswordHash, Role, TermsDigest, TermsVersion, Username,
};
use labgate_domain::ports::{
    Changed, FeedPosition, IdentityMove, IdentitySuccession, ServicesRevision, StoreError, StoredService,
};
use labgate_domain::protocol::{IdTokenHint, Issuer, Malformed, ProviderSessionId, Subject};
use labgate_domain::provider::ProviderId;
use labgate_domain::sealed::Sealed;
use labgate_domain::session::{ExternalSession, NextRevalidation, Session, SessionId, UserAgent};
use labgate_domain::time::Timestamp;

use crate::row::{Record, Row};

pub(crate) fn account(row: &Row) -> Result<Account, StoreError> {
    let record = Record::new("accounts", row);
    Ok(Account {
        id: record.parsed("id", AccountId::parse)?,
        username: record.parsed("username", Username::parse)?,
        email: record.parsed_if_present("email", EmailAddress::parse)?,
        name: record
            .parsed_if_present("name", |name| DisplayName::new(name).ok_or(Malformed("display name")))?,
        role: record.parsed("role", |name| Ok::<_, Malformed>(Role::known_or_least(name)))?,
        groups: local_groups(row)?,
        status: record.parsed("status", AccountStatus::parse)?,
        accepted_terms: record.parsed_if_present("accepted_terms", accepted_terms)?.unwrap_or_default(),
        created_at: record.time("created_at")?,
    })
}

/// Reads the acceptances of the terms of service, a line each, and returns the latest last.
fn accepted_terms(lines: &str) -> Result<Vec<AcceptedTerms>, Malformed> {
    let malformed = Malformed("acceptance of the terms of service");
    let read = |line: &str| {
        let (at, rest) = line.split_once(' ').ok_or(malformed)?;
        let (digest, version) = rest.split_once(' ').ok_or(malformed)?;
        Ok(AcceptedTerms {
            version: TermsVersion::parse(version)?,
            digest: (digest != "-").then(|| TermsDigest::parse(digest)).transpose()?,
            at: Timestamp::from_unix_seconds(at.parse().map_err(|_| malformed)?),
        })
    };
    let mut accepted = lines.split('\n').map(read).collect::<Result<Vec<_>, _>>()?;
    accepted.sort_by(|one, other| (one.at, one.version.as_str()).cmp(&(other.at, other.version.as_str())));
    Ok(accepted)
}

pub(crate) fn local_groups(row: &Row) -> Result<LocalGroups, StoreError> {
    let read = |json: &str| serde_json::from_str(json).map_err(|_| Malformed("local groups"));
    Record::new("accounts", row).parsed("groups", read)
}

pub(crate) fn credential(row: &Row) -> Result<Credential, StoreError> {
    let record = Record::new("credentials", row);
    Ok(Credential {
        hash: record.parsed("hash", PasswordHash::parse)?,
        must_change: record.value("must_change")?,
    })
}

pub(crate) fn linked_identity(row: &Row) -> Result<LinkedIdentity, StoreError> {
    let record = Record::new("external_identities", row);
    Ok(LinkedIdentity {
        issuer: record.parsed("issuer", Issuer::parse)?,
        subject: record.parsed("subject", Subject::parse)?,
        email: record.parsed_if_present("email", EmailAddress::parse)?,
        first_sign_in_at: record.time("first_sign_in_at")?,
        last_sign_in_at: record.time("last_sign_in_at")?,
    })
}

pub(crate) fn identity_move(row: &Row) -> Result<IdentityMove, StoreError> {
    let record = Record::new("external_identities", row);
    Ok(IdentityMove {
        account: record.parsed("account_id", AccountId::parse)?,
        name: record.parsed("username", Username::parse)?,
        subject: record.parsed("subject", Subject::parse)?,
        there: record.parsed_if_present("there", AccountId::parse)?,
    })
}

pub(crate) fn identity_succession(row: &Row) -> Result<IdentitySuccession, StoreError> {
    let record = Record::new("accounts", row);
    Ok(IdentitySuccession {
        account: record.parsed("id", AccountId::parse)?,
        name: record.parsed("username", Username::parse)?,
        email: record.parsed_if_present("email", EmailAddress::parse)?,
        needs_proof: record.value("needs_proof")?,
    })
}

pub(crate) fn access_token(row: &Row) -> Result<AccessToken, StoreError> {
    let record = Record::new("access_tokens", row);
    let issuer = record.parsed_if_present("issuer", Issuer::parse)?;
    let subject = record.parsed_if_present("subject", Subject::parse)?;
    Ok(AccessToken {
        id: record.parsed("id", AccessTokenId::parse)?,
        account: record.parsed("account_id", AccountId::parse)?,
        name: record.parsed("name", |name| DisplayName::new(name).ok_or(Malformed("display name")))?,
        scope: record.parsed("scope", TokenScope::parse)?,
        identity: issuer.zip(subject),
        groups: record.texts("groups")?,
        is_admitted: record.value("admitted")?,
        told_at: record.time("told_at")?,
        made_at: record.time("made_at")?,
        expires_at: record.time("expires_at")?,
        last_used_at: record.time_if_present("last_used_at")?,
    })
}

pub(crate) fn session(row: &Row) -> Result<Session, StoreError> {
    let record = Record::new("sessions", row);
    // Any text may be there, so it is cut to the permitted length rather than refused.
    let user_agent = record.parsed_if_present("user_agent", |text| Ok(UserAgent::new(text)))?.flatten();
    let (id, account) = session_and_account(row)?;
    Ok(Session {
        id,
        account,
        external: external_session(record)?,
        user_agent,
        address: record.parsed_if_present("address", address)?,
        groups: record.texts("groups")?,
        authentication_methods: record.texts("authentication_methods")?,
        authenticated_at: record.time("authenticated_at")?,
        created_at: record.time("created_at")?,
        last_seen_at: record.time("last_seen_at")?,
        expires_at: record.time("expires_at")?,
        ended_at: record.time_if_present("ended_at")?,
    })
}

pub(crate) fn session_id(row: &Row) -> Result<SessionId, StoreError> {
    Record::new("sessions", row).parsed("id", SessionId::parse)
}

pub(crate) fn session_and_account(row: &Row) -> Result<(SessionId, AccountId), StoreError> {
    Ok((session_id(row)?, Record::new("sessions", row).parsed("account_id", AccountId::parse)?))
}

/// A row of the feed of changes.
pub(crate) struct ChangeRow {
    /// Where the feed stands; the same in all rows.
    pub(crate) position: FeedPosition,
    /// False in a row that cannot be read, and in all rows if the feed does not reach back.
    pub(crate) can_be_told: bool,
    /// `None` in the one row of an answer without changes.
    pub(crate) changed: Option<Changed>,
    /// The revision of the services; the same in all rows.
    pub(crate) services: ServicesRevision,
}

pub(crate) fn change(row: &Row) -> Result<ChangeRow, StoreError> {
    let record = Record::new("changes", row);
    let session = record.parsed_if_present("session_id", SessionId::parse);
    let account = record.parsed_if_present("account_id", AccountId::parse);
    Ok(ChangeRow {
        position: FeedPosition(record.value("position")?),
        can_be_told: session.is_ok() && account.is_ok() && record.value("reaches_back")?,
        changed: match (session, account) {
            (Ok(Some(session)), _) => Some(Changed::Session(session)),
            (_, Ok(account)) => account.map(Changed::Account),
            _ => None,
        },
        services: ServicesRevision(record.value("services")?),
    })
}

/// Reads the revision of the services, and a service; the one row of an answer without services has none.
pub(crate) fn revision_and_service(
    row: &Row,
) -> Result<(ServicesRevision, Option<StoredService>), StoreError> {
    let record = Record::new("services", row);
    let id: Option<String> = record.value("id")?;
    let service =
        id.map(|id| Ok(StoredService { id, definition: record.value("definition")? })).transpose()?;
    Ok((ServicesRevision(record.value("revision")?), service))
}

/// Returns the provider's side of a session; a session that began with a password has none.
fn external_session(record: Record<'_>) -> Result<Option<ExternalSession>, StoreError> {
    let Some(provider) = record.parsed_if_present("provider", ProviderId::parse)? else {
        return Ok(None);
    };
    Ok(Some(ExternalSession {
        provider,
        issuer: record.parsed("issuer", Issuer::parse)?,
        subject: record.parsed("subject", Subject::parse)?,
        id: record.parsed_if_present("provider_session", ProviderSessionId::parse)?,
        id_token_hint: record.parsed_if_present("id_token_hint", IdTokenHint::parse)?,
        revalidation: revalidation(record)?,
    }))
}

fn revalidation(record: Record<'_>) -> Result<Option<NextRevalidation>, StoreError> {
    let refresh_token = record.parsed_if_present("refresh_token", Sealed::parse)?;
    let due_at = record.time_if_present("recheck_at")?;
    Ok(refresh_token.zip(due_at).map(|(refresh_token, due_at)| NextRevalidation { refresh_token, due_at }))
}

fn address(text: &str) -> Result<IpAddr, Malformed> {
    text.parse().map_err(|_| Malformed("address"))
}
