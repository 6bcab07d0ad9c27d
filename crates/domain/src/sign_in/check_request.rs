use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::SignIn;
use super::recent_checks::Checked;
use crate::error::SignInError;
use crate::people::{Account, AccountStatus};
use crate::ports::{SignInEvent, TokenFault};
use crate::session::{Session, SessionClaims, SessionToken};
use crate::time::Timestamp;

/// A request of somebody who is signed in.
#[derive(Clone, Debug)]
pub struct CheckedRequest {
    /// Who is asking.
    pub claims: Arc<SessionClaims>,
    /// A token to replace the presented one, which has expired while its session lives.
    pub renewed: Option<SessionToken>,
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// What was presented is not a token of this lab.
    #[error(transparent)]
    NotAToken(#[from] TokenFault),
    /// The session has ended: by sign-out, by its limits, or it was deleted.
    #[error("the session has ended")]
    SessionEnded,
    /// The account was disabled or deleted.
    #[error("the account is disabled")]
    AccountDisabled,
    /// We could not find out; that means no.
    #[error("the session could not be checked")]
    Unavailable,
}

impl SignIn {
    /// Says who presents this session token. This runs on every request of the lab.
    ///
    /// An expired token whose session lives is renewed. That is idempotent: requests at the same time may each get a
    /// token, all of the same session.
    ///
    /// # Errors
    /// When nobody is signed in, or it cannot be found out.
    pub async fn check_request(&self, token: &str) -> Result<CheckedRequest, NotSignedIn> {
        let now = self.ports.clock.now();
        let checked = match self.recent.find(token, now) {
            Some(checked) => checked,
            None => self.check_thoroughly(token, now).await?,
        };
        Ok(CheckedRequest { claims: checked.claims, renewed: checked.renewed })
    }

    async fn check_thoroughly(&self, token: &str, now: Timestamp) -> Result<Checked, NotSignedIn> {
        let claims = self.ports.tokens.authenticate(token)?;
        if self.recent.has_ended(claims.sid) {
            return Err(NotSignedIn::SessionEnded);
        }
        let (session, account) = self.session_and_account(&claims).await.map_err(|error| {
            self.ports.log.record(SignInEvent::CheckFailed { error });
            NotSignedIn::Unavailable
        })?;
        let session = session
            .filter(|session| {
                session.account == claims.sub && session.is_live(now, self.policy.session_idle_limit)
            })
            .ok_or(NotSignedIn::SessionEnded)?;
        let account = account
            .filter(|account| account.status == AccountStatus::Active)
            .ok_or(NotSignedIn::AccountDisabled)?;

        let checked = if now < claims.exp {
            Checked { claims: Arc::new(claims), renewed: None }
        } else {
            self.renew(&account, &session, now).await.map_err(|error| {
                self.ports.log.record(SignInEvent::CheckFailed { error });
                NotSignedIn::Unavailable
            })?
        };
        self.recent.remember(token, checked.clone());
        Ok(checked)
    }

    async fn session_and_account(
        &self,
        claims: &SessionClaims,
    ) -> Result<(Option<Session>, Option<Account>), SignInError> {
        let session = self.ports.sessions.find(claims.sid).await?;
        let account = self.ports.accounts.find(claims.sub).await?;
        Ok((session, account))
    }

    async fn renew(
        &self,
        account: &Account,
        session: &Session,
        now: Timestamp,
    ) -> Result<Checked, SignInError> {
        let claims = self.claims(account, session, now);
        let token = self.ports.tokens.issue(&claims)?;
        self.ports.sessions.touch(session.id, now).await?;
        Ok(Checked { claims: Arc::new(claims), renewed: Some(token) })
    }

    /// What a token issued now says. It never outlives its session.
    pub(super) fn claims(&self, account: &Account, session: &Session, now: Timestamp) -> SessionClaims {
        let mut token_id = [0; 12];
        self.ports.entropy.fill(&mut token_id);
        let origin = self.policy.public_url.origin();
        SessionClaims {
            iss: origin.to_owned(),
            aud: origin.to_owned(),
            sub: account.id,
            sid: session.id,
            exp: now.plus(self.policy.token_lifetime).min(session.expires_at),
            iat: now,
            jti: BASE64_URL_SAFE_NO_PAD.encode(token_id),
            username: account.username.clone(),
            email: account.email.clone(),
            name: account.name.clone(),
            role: account.role,
            groups: as_many_as_fit(&session.groups, SessionClaims::MAX_GROUPS_LEN),
            amr: as_many_as_fit(&session.authentication_methods, SessionClaims::MAX_METHODS_LEN),
            auth_time: session.authenticated_at,
        }
    }
}

/// The first texts that there is room for; one that does not fit is left out whole, and so is what follows it.
fn as_many_as_fit(texts: &[String], max_len: usize) -> Vec<String> {
    let mut room = max_len;
    texts
        .iter()
        .take_while(|text| {
            let fits = text.len() <= room;
            room = room.saturating_sub(text.len());
            fits
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{NOW, Scene, World, account};
    use super::*;
    use crate::ports::{Entropy, StoreError, TokenIssuer as _};
    use crate::provider::ProviderId;
    use crate::session::SessionId;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn session() -> Session {
        let at = Timestamp::from_unix_seconds;
        Session {
            id: SessionId::fresh(&Sevens),
            account: account(AccountStatus::Active).id,
            provider: ProviderId::parse("external").unwrap(),
            groups: vec!["g".repeat(200), "h".repeat(100)],
            authentication_methods: Vec::new(),
            authenticated_at: at(NOW),
            created_at: at(NOW),
            last_seen_at: at(NOW),
            expires_at: at(NOW + 3600),
            ended_at: None,
        }
    }

    fn token(scene: &Scene) -> String {
        let claims = scene.sign_in.claims(
            &account(AccountStatus::Active),
            &session(),
            Timestamp::from_unix_seconds(NOW),
        );
        scene.tokens.issue(&claims).unwrap().expose().to_owned()
    }

    /// A world with one session, which the store is asked for so many times.
    fn world(session: Option<Session>, status: AccountStatus, times: usize) -> World {
        let mut world = World::default();
        world.sessions.expect_find().times(times).returning(move |_| Ok(session.clone()));
        world.accounts.expect_find().times(times).returning(move |_| Ok(Some(account(status))));
        world
    }

    #[tokio::test]
    async fn the_second_check_asks_neither_the_signature_nor_the_store() {
        let scene = world(Some(session()), AccountStatus::Active, 1).scene();
        let token = token(&scene);
        for _ in 0..10 {
            let checked = scene.sign_in.check_request(&token).await.unwrap();
            assert_eq!(checked.claims.username.as_str(), "ada@example.com");
            assert!(checked.renewed.is_none());
        }
        assert_eq!(scene.tokens.authenticated(), 1);
    }

    #[tokio::test]
    async fn c149_an_expired_token_of_a_live_session_is_renewed_and_everybody_gets_the_same_one() {
        let mut world = world(Some(session()), AccountStatus::Active, 1);
        world.sessions.expect_touch().times(1).returning(|_, _| Ok(()));
        let scene = world.scene();
        let token = token(&scene);
        scene.clock.advance(900);
        let one = scene.sign_in.check_request(&token).await.unwrap().renewed.unwrap();
        let other = scene.sign_in.check_request(&token).await.unwrap().renewed.unwrap();
        assert_eq!(one.expose(), other.expose());
        assert_ne!(one.expose(), token);
    }

    #[tokio::test]
    async fn c151_a_renewed_token_never_outlives_its_session() {
        let mut ending = session();
        ending.expires_at = Timestamp::from_unix_seconds(NOW + 1000);
        let mut world = world(Some(ending), AccountStatus::Active, 1);
        world.sessions.expect_touch().returning(|_, _| Ok(()));
        let scene = world.scene();
        let token = token(&scene);
        scene.clock.advance(950);
        let checked = scene.sign_in.check_request(&token).await.unwrap();
        assert_eq!(checked.claims.exp, Timestamp::from_unix_seconds(NOW + 1000));
    }

    #[tokio::test]
    async fn a_session_that_ended_in_the_store_is_over() {
        let ended = Session { ended_at: Some(Timestamp::from_unix_seconds(NOW)), ..session() };
        for gone in [Some(ended), None] {
            let scene = world(gone, AccountStatus::Active, 1).scene();
            let token = token(&scene);
            assert_eq!(scene.sign_in.check_request(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
        }
    }

    #[tokio::test]
    async fn a_disabled_account_is_out() {
        let scene = world(Some(session()), AccountStatus::Disabled, 1).scene();
        let token = token(&scene);
        assert_eq!(scene.sign_in.check_request(&token).await.unwrap_err(), NotSignedIn::AccountDisabled);
    }

    #[tokio::test]
    async fn c150_c158_after_sign_out_the_token_opens_nothing_not_even_from_memory() {
        let mut world = world(Some(session()), AccountStatus::Active, 1);
        world.sessions.expect_end().times(1).returning(|_, _| Ok(()));
        let scene = world.scene();
        let token = token(&scene);
        scene.sign_in.check_request(&token).await.unwrap();
        scene.sign_in.sign_out(&token).await.unwrap();
        assert_eq!(scene.sign_in.check_request(&token).await.unwrap_err(), NotSignedIn::SessionEnded);
    }

    #[tokio::test]
    async fn c188_a_store_that_fails_means_no() {
        let mut world = World::default();
        world.sessions.expect_find().returning(|_| Err(StoreError("down".to_owned())));
        let scene = world.scene();
        let token = token(&scene);
        assert_eq!(scene.sign_in.check_request(&token).await.unwrap_err(), NotSignedIn::Unavailable);
        assert!(matches!(scene.log.events().last(), Some(SignInEvent::CheckFailed { .. })));
    }

    #[tokio::test]
    async fn c082_a_clock_set_back_resurrects_nothing() {
        let scene = world(Some(session()), AccountStatus::Active, 2).scene();
        let token = token(&scene);
        scene.sign_in.check_request(&token).await.unwrap();
        // Before its time the memory does not vouch for a token: the store is asked again.
        scene.clock.advance(-100);
        assert!(scene.sign_in.check_request(&token).await.is_ok());
    }

    #[test]
    fn a_token_carries_as_many_groups_as_fit() {
        let groups = session().groups;
        assert_eq!(as_many_as_fit(&groups, 256), groups[..1]);
        assert_eq!(as_many_as_fit(&groups, 300), groups);
        assert!(as_many_as_fit(&groups, 10).is_empty());
    }
}
