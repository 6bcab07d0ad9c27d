//! Everything that an issuer has handed out: sessions, codes, access tokens and refresh tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use labgate_domain::protocol::{ClientId, PkceChallenge, PkceVerifier, RedirectUri, Scopes};
use labgate_domain::time::Timestamp;

use crate::faults::Fault;
use crate::protocol::{CODE_LIFETIME, Grant, GrantError, Session};

/// The most sign-ins that an issuer remembers; when there are more it forgets the older half.
const MAX_GRANTS: usize = 10_000;

/// Names a grant within its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GrantId(u64);

/// The properties that a code is bound to beside its grant.
pub(crate) struct CodeBinding {
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) challenge: PkceChallenge,
}

/// A request to redeem a code.
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client: &'a ClientId,
    /// `None` where a provider does without.
    pub(crate) redirect_uri: Option<&'a str>,
    /// `None` when PKCE is not to be checked.
    pub(crate) verifier: Option<&'a PkceVerifier>,
}

/// A code or a token of a grant.
struct Issued {
    grant: GrantId,
    kind: Kind,
    /// `None` where it does not.
    expires_at: Option<Timestamp>,
    spent: bool,
}

pub(crate) enum Kind {
    Code(CodeBinding),
    AccessToken(Scopes),
    RefreshToken,
}

impl Issued {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}

/// Everything that one issuer has handed out.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By the browser's cookie.
    sessions: HashMap<String, Session>,
    grants: BTreeMap<GrantId, Grant>,
    next_grant: u64,
    /// By what the client presents.
    issued: HashMap<String, Issued>,
    /// The `jti` of each client's latest logout token.
    pub(crate) logout_ids: HashMap<ClientId, String>,
}

impl Ledger {
    pub(crate) fn open_session(&mut self, cookie: String, session: Session) {
        if self.sessions.len() >= MAX_GRANTS {
            self.sessions.clear();
        }
        self.sessions.insert(cookie, session);
    }

    pub(crate) fn session(&self, cookie: &str) -> Option<&Session> {
        self.sessions.get(cookie)
    }

    /// Ends sessions, by the browser's cookie or by name. Returns their grants, the latest to each client in
    /// each session, oldest first.
    pub(crate) fn end_sessions(&mut self, meant: impl Fn(&str, &Session) -> bool) -> Vec<Grant> {
        let ended = self.sessions.extract_if(|cookie, session| meant(cookie, session));
        let ended: BTreeSet<String> = ended.map(|(_, session)| session.sid).collect();
        let of_ended = self.grants.iter().filter(|(_, grant)| ended.contains(&grant.session.sid));
        let latest: BTreeMap<_, GrantId> =
            of_ended.map(|(id, grant)| ((&grant.session.sid, grant.client.as_str()), *id)).collect();
        let in_order: BTreeSet<GrantId> = latest.into_values().collect();
        in_order.iter().filter_map(|id| self.grants.get(id)).cloned().collect()
    }

    /// Returns true if a person has a grant for a client.
    pub(crate) fn has_grant(&self, client: &ClientId, subject: &str) -> bool {
        self.grants.values().any(|grant| grant.client == *client && grant.session.user.subject() == subject)
    }

    /// Records a grant that this code gives, once.
    pub(crate) fn add_grant(&mut self, grant: Grant, code: String, binding: CodeBinding, now: Timestamp) {
        self.forget_the_oldest();
        let id = GrantId(self.next_grant);
        self.next_grant += 1;
        self.grants.insert(id, grant);
        self.issue(code, id, Kind::Code(binding), Some(now.plus(CODE_LIFETIME)));
    }

    /// Records a code or a token of a grant.
    pub(crate) fn issue(&mut self, text: String, grant: GrantId, kind: Kind, expires_at: Option<Timestamp>) {
        self.issued.insert(text, Issued { grant, kind, expires_at, spent: false });
    }

    /// Redeems a code. Whatever its own client presents it with, it is spent then; presented again, it takes
    /// back everything that it gave (RFC 6749 section 4.1.2).
    pub(crate) fn redeem(
        &mut self,
        redemption: &Redemption<'_>,
        now: Timestamp,
    ) -> Result<(GrantId, Grant), GrantError> {
        let code = self.issued.get_mut(redemption.code).ok_or(GrantError::UnknownCode)?;
        let Kind::Code(binding) = &code.kind else { return Err(GrantError::UnknownCode) };
        let id = code.grant;
        let grant = self.grants.get(&id);
        if grant.is_some_and(|grant| grant.client != *redemption.client) {
            return Err(GrantError::ForeignCode);
        }
        if std::mem::replace(&mut code.spent, true) {
            self.grants.remove(&id);
            return Err(GrantError::UsedCode);
        }
        if code.has_expired(now) {
            return Err(GrantError::ExpiredCode);
        }
        if redemption.redirect_uri.is_some_and(|uri| uri != binding.redirect_uri.as_str()) {
            return Err(GrantError::RedirectUri);
        }
        if redemption.verifier.is_some_and(|verifier| !binding.challenge.is_answered_by(verifier)) {
            return Err(GrantError::Verifier);
        }
        let grant = grant.ok_or(GrantError::ForgottenGrant)?;
        Ok((id, grant.clone()))
    }

    /// Takes a refresh token. One that is good `once` is spent by that: presented again, it ends the grant
    /// with every token of it (RFC 9700 section 4.14.2).
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        client: &ClientId,
        now: Timestamp,
        once: bool,
    ) -> Result<(GrantId, Grant), GrantError> {
        let token = self.issued.get_mut(token).filter(|token| matches!(token.kind, Kind::RefreshToken));
        let token = token.ok_or(GrantError::UnknownRefresh)?;
        let id = token.grant;
        let grant = self.grants.get(&id).ok_or(GrantError::RevokedRefresh)?;
        if grant.client != *client {
            return Err(GrantError::ForeignRefresh);
        }
        if std::mem::replace(&mut token.spent, once) {
            self.grants.remove(&id);
            return Err(GrantError::UsedRefresh);
        }
        if token.has_expired(now) {
            return Err(GrantError::ExpiredRefresh);
        }
        Ok((id, grant.clone()))
    }

    /// Takes back the refresh tokens that a person has at a client by other grants than this one.
    pub(crate) fn take_back_refresh_tokens(&mut self, id: GrantId, grant: &Grant) {
        let grants = &self.grants;
        let is_theirs = |other: &Grant| {
            other.client == grant.client && other.session.user.subject() == grant.session.user.subject()
        };
        self.issued.retain(|_, issued| {
            let is_other = issued.grant != id && grants.get(&issued.grant).is_some_and(is_theirs);
            !(is_other && matches!(issued.kind, Kind::RefreshToken))
        });
    }

    /// The grant that a code or refresh token belongs to, without using it up.
    pub(crate) fn peek(&self, code_or_refresh_token: &str) -> Option<&Grant> {
        let issued = self.issued.get(code_or_refresh_token)?;
        self.grants.get(&issued.grant).filter(|_| !matches!(issued.kind, Kind::AccessToken(_)))
    }

    /// Remembers which faults the grant's latest ID token shows.
    pub(crate) fn note_shown(&mut self, grant: GrantId, shown: Vec<Fault>) {
        if let Some(grant) = self.grants.get_mut(&grant) {
            grant.shown = shown;
        }
    }

    /// Returns the grant and the scopes of an access token.
    pub(crate) fn bearer(&self, token: &str, now: Timestamp) -> Option<(&Grant, &Scopes)> {
        let token = self.issued.get(token).filter(|token| !token.has_expired(now))?;
        let Kind::AccessToken(scopes) = &token.kind else { return None };
        Some((self.grants.get(&token.grant)?, scopes))
    }

    fn forget_the_oldest(&mut self) {
        if self.grants.len() < MAX_GRANTS {
            return;
        }
        while self.grants.len() > MAX_GRANTS / 2 {
            self.grants.pop_first();
        }
        self.issued.retain(|_, issued| self.grants.contains_key(&issued.grant));
    }
}

#[cfg(test)]
mod tests {
    use labgate_domain::protocol::Nonce;

    use super::*;
    use crate::user::User;

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let (client, now) = (ClientId::parse("lab").unwrap(), Timestamp::from_unix_seconds(0));
        let redirect_uri = RedirectUri::parse("http://127.0.0.1/").unwrap();
        let verifier = PkceVerifier::parse(&"v".repeat(43)).unwrap();
        let mut ledger = Ledger::default();
        let last = MAX_GRANTS + 1;
        for number in 1..=last {
            let session = Session { sid: String::new(), user: User::new("ada"), auth_time: now };
            let grant = Grant {
                client: client.clone(),
                session: session.clone(),
                scopes: Scopes::with_openid([]).unwrap(),
                nonce: Nonce::parse("n").unwrap(),
                refreshable: false,
                chosen: Vec::new(),
                shown: Vec::new(),
            };
            let binding = CodeBinding { redirect_uri: redirect_uri.clone(), challenge: verifier.challenge() };
            ledger.add_grant(grant, number.to_string(), binding, now);
            ledger.open_session(number.to_string(), session);
        }
        assert!(ledger.grants.len() <= MAX_GRANTS && ledger.issued.len() == ledger.grants.len());
        assert!(ledger.sessions.len() <= MAX_GRANTS);
        assert!(ledger.peek("1").is_none() && ledger.peek(&last.to_string()).is_some());
        assert!(ledger.session(&last.to_string()).is_some());
    }
}
