use async_trait::async_trait;
use labgate_domain::ForeignText;
use labgate_domain::access_token::{AccessTokenId, TokenScope};
use labgate_domain::error::ErrorCode;
use labgate_domain::people::{AccountId, GroupName, TermsVersion, Username};
use labgate_domain::ports::{
    Author, Observer, Person, RefusalKind, SignInEvent, SignInRecords, Source, StoreError,
};
use labgate_domain::protocol::Issuer;
use labgate_domain::provider::ProviderId;
use labgate_domain::session::SessionId;
use labgate_domain::sign_in::{Outcome, Trail, Way, explain};
use labgate_domain::time::Timestamp;

use crate::remedies::remedy;

/// Logs an event of this level and name.
macro_rules! event {
    ($level:ident $event:literal, $($fields:tt)+) => {
        tracing::$level!(target: "labgate::sign_in", event = $event, $($fields)+)
    };
}

/// Writes what happens to sign-ins and sessions into the log, a line an event, under the target
/// `labgate::sign_in`.
///
/// The fields are stable: `event` (`started`, `signed_in`, `email_conflict`, `refused`, `linked`, `unlinked`,
/// `password_changed`, `terms_accepted`, `access_token_made`, `access_token_revoked`, `administered`, `signed_out`, `signed_out_elsewhere`, `signed_out_by_provider`,
/// `revalidation_rejected`, `revalidation_deferred`, `check_failed`, `changes_lost`, `changes_known`,
/// `renewal_not_stored`, `trail`, `record_lost`, `link_required`, `request_refused`, `refused_again`,
/// `operated`, `administrator_kept`, `renamed`, `groups_changed`, `identities_moved`, `service_changed`, `service_left_out`, `replicas_differ`, `replicas_agree`) and, where they apply, `reference` (which the person quotes), `code`, `error`, `explanation`
/// (the meaning of the provider's own message, where it is known), `remedy`, `provider` (a password sign-in has
/// none), `account`, `name`, `service`, `source`, `session` (its first characters: enough to follow it, not enough to name
/// it), `created`, `change`, `added`, `removed`, `former`, `token`, `scope`, `until`, `issuer`, `linked`, `sessions`, `by`, `by_name`, `by_token`, `way`, `path`, `count`, `settings`, `version`, `url`, `allows` and `steps`.
///
/// In a refusal `source` stands before everything that a stranger can choose, so that a program that reads
/// the log finds the right one. A refusal is a warning; a failure of Labgate's own is an error.
#[derive(Clone, Default)]
pub struct TracingLog {
    /// The key of the hashes that stand for addresses; none leaves the addresses as they are.
    address_key: Option<[u8; 32]>,
}

impl TracingLog {
    /// Returns a log that writes a keyed hash in place of each address.
    #[must_use]
    pub fn hashing_addresses(key: [u8; 32]) -> Self {
        Self { address_key: Some(key) }
    }

    fn source(&self, source: Source) -> Option<String> {
        match &self.address_key {
            Some(key) => source.pseudonym(key),
            None => (source != Source::default()).then(|| source.to_string()),
        }
    }

    /// Returns the id, the name, the access token and the source of an author.
    fn author<'a>(&self, by: &'a Author) -> (String, Option<&'a str>, Option<String>, Option<String>) {
        match by {
            Author::Person(by) => {
                let token = by.access_token.map(|token| token.to_string());
                (by.account.to_string(), Some(by.name.as_str()), token, self.source(by.source))
            }
            Author::LocalOperator => (LOCAL_OPERATOR.to_owned(), None, None, None),
            Author::Groups => ("groups of the provider".to_owned(), None, None, None),
        }
    }

    fn administered(&self, account: AccountId, name: Option<&Username>, change: &str, by: &Author) {
        let (by, by_name, by_token, source) = self.author(by);
        let name = name.map(Username::as_str);
        event!(
            info "administered", %account, name, change, by, by_name, by_token, source, "an account was administered"
        );
    }

    fn email_conflict(&self, person: &Person) {
        event!(
            warn "email_conflict", account = %person.account, name = person.name.as_str(),
            source = self.source(person.source),
            "the provider's new e-mail address is another account's, so the old one was kept, and so was a \
             username that is the old one"
        );
    }

    fn terms_accepted(&self, person: &Person, version: &TermsVersion) {
        event!(
            info "terms_accepted", account = %person.account, name = person.name.as_str(),
            source = self.source(person.source), version = version.as_str(),
            "a person accepted the terms of service"
        );
    }

    fn renamed(&self, account: AccountId, former: &Username, name: &Username, by: &Author) {
        let (by, by_name, by_token, source) = self.author(by);
        event!(
            info "renamed", %account, name = name.as_str(), former = former.as_str(), by, by_name, by_token, source,
            "the account has another username"
        );
    }

    fn service_changed(
        &self,
        (service, change): (&ForeignText, &str),
        (url, allows): (Option<&ForeignText>, Option<&ForeignText>),
        by: &Author,
    ) {
        let (by, by_name, by_token, source) = self.author(by);
        let (url, allows) = (url.map(ForeignText::as_str), allows.map(ForeignText::as_str));
        event!(
            info "service_changed", service = service.as_str(), change, by, by_name, by_token, source, url, allows,
            "an administrator changed a service"
        );
    }

    fn groups_changed(
        &self,
        (account, name): (AccountId, &Username),
        (added, removed): (&[GroupName], &[GroupName]),
        by: &Author,
    ) {
        let (by, by_name, by_token, source) = self.author(by);
        let [added, removed] = [added, removed].map(|groups| {
            let names: Vec<_> = groups.iter().map(GroupName::as_str).collect();
            (!names.is_empty()).then(|| names.join(", "))
        });
        event!(
            info "groups_changed", %account, name = name.as_str(), added, removed, by, by_name, by_token, source,
            "the local groups of an account were changed"
        );
    }

    fn link_required(&self, person: &Person, provider: &ProviderId, issuer: &Issuer, linked: &[Issuer]) {
        let linked: Vec<_> = linked.iter().map(Issuer::as_str).collect();
        event!(
            warn "link_required", account = %person.account, name = person.name.as_str(),
            source = self.source(person.source), provider = provider.as_str(),
            issuer = issuer.as_str(), linked = linked.join(" "),
            "the identity is linked to no account, and an account has its address: its person is asked \
             for proof. If this is so for everybody, the issuer or its subjects have changed: \
             labgate identities move"
        );
    }

    fn token_made(&self, person: &Person, token: AccessTokenId, scope: &TokenScope, until: Timestamp) {
        event!(
            info "access_token_made", account = %person.account, name = person.name.as_str(),
            source = self.source(person.source), %token, %scope, until = until.as_unix_seconds(),
            "a person made an access token"
        );
    }

    fn token_revoked(&self, account: AccountId, name: Option<&Username>, token: AccessTokenId, by: &Author) {
        let (by, by_name, by_token, source) = self.author(by);
        let name = name.map(Username::as_str);
        event!(
            info "access_token_revoked", %account, name, %token, by, by_name, by_token, source,
            "an access token was revoked"
        );
    }

    fn moved(&self, (from, to): (&Issuer, &Issuer), until: Option<Timestamp>, accounts: usize, by: &Author) {
        let (by, by_name, by_token, source) = self.author(by);
        let until = until.map(Timestamp::as_unix_seconds);
        event!(
            info "identities_moved", former = from.as_str(), issuer = to.as_str(), until, count = accounts, by,
            by_name, by_token, source, "the identities of an issuer were moved"
        );
    }
}

/// Logs what the operator did to the lab with a command, other than to accounts.
pub fn operated(change: &'static str) {
    event!(info "operated", change, by = LOCAL_OPERATOR, "the operator ran a command");
}

/// Logs that other replicas of the lab have other settings than this one, by the names of the settings.
pub(crate) fn replicas_differ(settings: &str) {
    event!(
        warn "replicas_differ", settings, remedy = "give all replicas the same settings (docs/replicas.md), and restart them",
        "another replica of this lab runs with other settings"
    );
}

/// Logs that all replicas have the same settings again.
pub(crate) fn replicas_agree() {
    event!(info "replicas_agree", "all replicas of this lab run with the same settings again");
}

/// The author of a command.
const LOCAL_OPERATOR: &str = "local operator";

impl Observer for TracingLog {
    fn observe(&self, event: &SignInEvent) {
        match event {
            SignInEvent::Started { provider } => event!(
                info "started", provider = provider.as_str(), "a browser was sent to the provider"
            ),
            SignInEvent::EmailConflict { person } => self.email_conflict(person),
            SignInEvent::Refused { reference, code, error, source } => {
                let cause = Cause { code: *code, error, explanation: None };
                refused(reference.as_str(), self.source(*source).as_deref(), None, None, None, &cause);
            }
            SignInEvent::RequestRefused { reference, code, reason, path, source } => event!(
                info "request_refused", reference = reference.as_str(), code, source = self.source(*source),
                path = path.as_str(), error = reason, "a request was refused"
            ),
            SignInEvent::LinkRequired { person, provider, issuer, linked } => {
                self.link_required(person, provider, issuer, linked);
            }
            SignInEvent::Linked { person, provider, change } => event!(
                info "linked", account = %person.account, name = person.name.as_str(),
                source = self.source(person.source), provider = provider.as_str(), change = change.as_str(),
                "an identity was linked to the account"
            ),
            SignInEvent::Unlinked { person, issuer } => event!(
                info "unlinked", account = %person.account, name = person.name.as_str(),
                source = self.source(person.source), issuer = issuer.as_str(),
                "an identity was unlinked from the account"
            ),
            SignInEvent::SignedOutByProvider { account, session, provider } => event!(
                info "signed_out_by_provider", %account, session = shortened(*session),
                provider = provider.as_str(), "the provider ended a session"
            ),
            SignInEvent::RevalidationRejected { account, session, provider, code, error, explanation } => {
                event!(
                    info "revalidation_rejected", %account, session = shortened(*session),
                    provider = provider.as_str(), code = code.as_str(), error, explanation,
                    "session revalidation ended a session"
                );
            }
            SignInEvent::RevalidationDeferred { provider, code, error, explanation } => event!(
                warn "revalidation_deferred", provider = provider.as_str(), code = code.as_str(), error,
                explanation, remedy = remedy(*code),
                "the provider cannot be asked about people who are signed in; their sessions go on"
            ),
            SignInEvent::SignedOutElsewhere { person, sessions } => event!(
                info "signed_out_elsewhere", account = %person.account, name = person.name.as_str(),
                source = self.source(person.source), sessions, "a person ended sessions of their own"
            ),
            SignInEvent::PasswordChanged { person } => event!(
                info "password_changed", account = %person.account, name = person.name.as_str(),
                source = self.source(person.source), "a person chose another password"
            ),
            SignInEvent::AccessTokenMade { person, token, scope, until } => {
                self.token_made(person, *token, scope, *until);
            }
            SignInEvent::AccessTokenRevoked { account, name, token, by } => {
                self.token_revoked(*account, name.as_ref(), *token, by);
            }
            SignInEvent::TermsAccepted { person, version } => self.terms_accepted(person, version),
            SignInEvent::Administered { account, name, change, by } => {
                self.administered(*account, name.as_ref(), change, by);
            }
            SignInEvent::GroupsChanged { account, name, added, removed, by } => {
                self.groups_changed((*account, name), (added, removed), by);
            }
            SignInEvent::Renamed { account, former, name, by } => {
                self.renamed(*account, former, name, by);
            }
            SignInEvent::IdentitiesMoved { from, to, until, accounts, by } => {
                self.moved((from, to), *until, *accounts, by);
            }
            SignInEvent::ServiceChanged { service, change, url, allows, by } => {
                self.service_changed((service, change), (url.as_ref(), allows.as_ref()), by);
            }
            SignInEvent::ServiceLeftOut { service, reason } => service_left_out(service, reason),
            SignInEvent::AdministratorKept { account, name } => event!(
                warn "administrator_kept", %account, name = name.as_str(),
                "the provider's groups no longer make this person an administrator, but there is no other: make \
                 somebody else one, then the role goes at the next sign-in"
            ),
            SignInEvent::SignedOut { person, session } => event!(
                info "signed_out", account = %person.account, name = person.name.as_str(),
                source = self.source(person.source), session = shortened(*session), "a person signed out"
            ),
            SignInEvent::ChangesLost { error } => event!(
                error "changes_lost", error, remedy = remedy(ErrorCode::StoreUnavailable),
                "the database does not answer; sessions that were live go on for the grace"
            ),
            SignInEvent::ChangesKnown => event!(info "changes_known", "the database answers again"),
            SignInEvent::RenewalNotStored { account, session, error } => event!(
                error "renewal_not_stored", %account, session = shortened(*session), error,
                "a session was renewed, but its idle limit counts from the renewal before"
            ),
            SignInEvent::RecordLost { reference, error } => event!(
                error "record_lost", reference = reference.as_str(), error,
                "the trail of a sign-in could not be stored"
            ),
        }
    }

    fn finished(&self, trail: &Trail) {
        let provider = trail.provider.as_ref().map(ProviderId::as_str);
        let (name, source) = (trail.name.as_deref(), self.source(trail.source));
        let source = source.as_deref();
        match &trail.outcome {
            Outcome::SignedIn { account, session, created } => event!(
                info "signed_in", provider, %account, name, source, way = trail.way.as_str(),
                session = shortened(*session), created, "a person signed in"
            ),
            Outcome::Refused { code, error, .. } if trail.way == Way::Check => event!(
                error "check_failed", reference = trail.reference.as_str(), code = code.as_str(), error,
                remedy = remedy(*code), "a request could not be checked and counts as not signed in"
            ),
            Outcome::Refused { code, error, explanation } => {
                let cause = Cause { code: *code, error, explanation: *explanation };
                refused(trail.reference.as_str(), source, provider, name, Some(trail.way.as_str()), &cause);
            }
            Outcome::ProofDue { .. }
            | Outcome::PasswordChangeDue { .. }
            | Outcome::Renewed { .. }
            | Outcome::NotSignedIn { .. } => {}
        }
    }
}

/// The log is the record: each trail is one line, with its steps, for an operator who has the level `debug`
/// on.
#[async_trait]
impl SignInRecords for TracingLog {
    async fn store(&self, trail: &Trail) -> Result<(), StoreError> {
        event!(
            debug "trail", reference = trail.reference.as_str(),
            provider = trail.provider.as_ref().map(ProviderId::as_str),
            account = trail.account().map(|account| account.to_string()), name = trail.name,
            source = self.source(trail.source), steps = explain(trail),
            "the steps of a sign-in"
        );
        Ok(())
    }
}

/// The cause of a refusal.
struct Cause<'a> {
    code: ErrorCode,
    error: &'a str,
    explanation: Option<&'static str>,
}

fn service_left_out(service: &ForeignText, reason: &ForeignText) {
    event!(
        error "service_left_out", service = service.as_str(), error = reason.as_str(),
        "an added service is left out: all requests to it are refused until it is changed or removed at /admin/services"
    );
}

fn refused(
    reference: &str,
    source: Option<&str>,
    provider: Option<&str>,
    name: Option<&str>,
    way: Option<&str>,
    cause: &Cause<'_>,
) {
    let &Cause { code, error, explanation } = cause;
    let remedy = remedy(code);
    if matches!(code, ErrorCode::Internal | ErrorCode::StoreUnavailable) {
        event!(
            error "refused", reference, code = code.as_str(), source, way, provider, name, error, remedy,
            "refused"
        );
    } else {
        event!(
            warn "refused", reference, code = code.as_str(), source, way, provider, name, error, explanation,
            remedy, "refused"
        );
    }
}

/// Tells how often a refusal was met again.
pub(super) fn tell_again(reference: &str, kind: &RefusalKind, count: u64, log: &TracingLog) {
    event!(
        info "refused_again", reference, code = kind.code, source = log.source(kind.source),
        provider = kind.provider.as_ref().map(ProviderId::as_str), name = kind.name, count, "refused as above, so many times more"
    );
}

fn shortened(session: SessionId) -> String {
    session.to_string().chars().take(6).chain(['…']).collect()
}
