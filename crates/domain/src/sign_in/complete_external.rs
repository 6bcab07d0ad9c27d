use super::SignIn;
use crate::ForeignText;
use crate::attempt::{AttemptId, PresentedAttempt, SignInAttempt};
use crate::error::{Refusal, SignInError};
use crate::identity::{EmailClaim, ExternalIdentity};
use crate::people::{Account, AccountId, AccountStatus, EmailAddress, Role, Username};
use crate::ports::{
    AccountCreation, CodeRedemption, Consumption, IdentityProvider, ProfileUpdate, SignInEvent,
};
use crate::protocol::{AuthorizationCode, AuthorizationOutcome, AuthorizationResponse};
use crate::provider::{EmailTrust, ProviderDescription};
use crate::return_to::ReturnTo;
use crate::session::{Session, SessionId, SessionToken};
use crate::time::Timestamp;

/// How a browser that came back leaves again.
#[derive(Debug)]
pub enum CompletedSignIn {
    /// With a new session.
    SignedIn {
        /// Opens the session.
        token: SessionToken,
        /// Where to go.
        return_to: ReturnTo,
        /// The attempt that is over.
        attempt: AttemptId,
    },
    /// As it came: the callback was stale (a reload, the back button, a second tab), but the browser is signed in, so
    /// there is nothing to explain. Nothing of the callback was used.
    AlreadySignedIn {
        /// Where to go.
        return_to: ReturnTo,
    },
}

/// What is known of an attempt while it is being completed; a refusal tells as much as was learned.
#[derive(Default)]
struct Trail {
    attempt: Option<SignInAttempt>,
}

impl SignIn {
    /// Completes an external sign-in: the browser is back with the provider's answer.
    ///
    /// `query` is the callback's query, `pending` the attempts that the browser carries, `session_token` the session
    /// that it has so far, if any. That one is ended when a new one begins.
    ///
    /// # Errors
    /// When nobody was signed in. No account and no session exist then that did not exist before.
    pub async fn complete_external(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        session_token: Option<&str>,
    ) -> Result<CompletedSignIn, Refusal> {
        let mut trail = Trail::default();
        let error = match self.try_complete_external(query, pending, session_token, &mut trail).await {
            Ok(completed) => return Ok(completed),
            Err(error) => error,
        };

        let attempt = trail.attempt;
        let return_to = attempt.as_ref().map(|attempt| attempt.return_to.clone()).unwrap_or_default();
        let stale = matches!(
            error,
            SignInError::AttemptUnknown | SignInError::AttemptExpired | SignInError::AttemptSpent
        );
        if stale
            && let Some(token) = session_token
            && self.check_request(token).await.is_ok()
        {
            return Ok(CompletedSignIn::AlreadySignedIn { return_to });
        }
        let id = attempt.as_ref().map(SignInAttempt::id);
        Err(self.refuse(error, id, attempt.map(|attempt| attempt.provider), return_to))
    }

    async fn try_complete_external(
        &self,
        query: &str,
        pending: &[PresentedAttempt],
        session_token: Option<&str>,
        trail: &mut Trail,
    ) -> Result<CompletedSignIn, SignInError> {
        let response = AuthorizationResponse::from_query(query)?;

        let attempt = self.attempt_of(&response, pending)?;
        let attempt = &*trail.attempt.insert(attempt);
        self.spend(attempt).await?;

        let code = code_from_the_right_issuer(attempt, response)?;
        let provider = self.provider(Some(&attempt.provider))?;
        let identity = redeem(&**provider, attempt, code).await?;

        let (account, created) = self.account_for(&provider.description(), &identity).await?;
        let (session, token) = self.open_session(&account, attempt, identity).await?;
        if let Some(previous) = session_token {
            self.end_session_of(previous).await?;
        }

        self.ports.log.record(SignInEvent::SignedIn {
            account: account.id,
            session,
            provider: attempt.provider.clone(),
            created,
        });
        Ok(CompletedSignIn::SignedIn { token, return_to: attempt.return_to.clone(), attempt: attempt.id() })
    }

    /// The attempt that the response names, if this browser started it.
    fn attempt_of(
        &self,
        response: &AuthorizationResponse,
        pending: &[PresentedAttempt],
    ) -> Result<SignInAttempt, SignInError> {
        let id = AttemptId::of(&response.state);
        // A sibling site can plant a second cookie of the same name: each is tried, and only a seal of ours opens.
        pending
            .iter()
            .filter(|presented| presented.id == id)
            .find_map(|presented| SignInAttempt::open(presented, &*self.ports.sealer))
            .filter(|attempt| attempt.state == response.state)
            .ok_or(SignInError::AttemptUnknown)
    }

    /// Spends the attempt: from here on it cannot be used again, whatever comes of it.
    async fn spend(&self, attempt: &SignInAttempt) -> Result<(), SignInError> {
        if attempt.has_expired(self.ports.clock.now()) {
            return Err(SignInError::AttemptExpired);
        }
        match self.ports.spent_attempts.consume(attempt.id(), attempt.expires_at()).await? {
            Consumption::First => Ok(()),
            Consumption::Again => Err(SignInError::AttemptSpent),
        }
    }

    /// The account that the identity opens: the one it is linked to, or a new one. Never one that merely has the same
    /// e-mail address.
    async fn account_for(
        &self,
        provider: &ProviderDescription,
        identity: &ExternalIdentity,
    ) -> Result<(Account, bool), SignInError> {
        let email = trusted_email(provider, &identity.email)?;
        if let Some(account) = self.known_account(identity, &email).await? {
            return Ok((account, false));
        }
        if !self.policy.self_registration {
            return Err(SignInError::RegistrationClosed { address: email });
        }

        let now = self.ports.clock.now();
        let account = Account {
            id: AccountId::fresh(now, &*self.ports.entropy),
            username: Username::from(&email),
            email: Some(email.clone()),
            name: identity.name.clone(),
            role: Role::User,
            status: AccountStatus::Active,
            created_at: now,
        };
        match self.ports.accounts.create(&account, identity).await? {
            AccountCreation::Created => Ok((account, true)),
            AccountCreation::NameTaken => Err(SignInError::EmailTaken { address: email }),
            // Two first sign-ins at once: the other one was quicker, and made the account that we look for.
            AccountCreation::IdentityTaken => match self.known_account(identity, &email).await? {
                Some(account) => Ok((account, false)),
                None => Err(SignInError::EmailTaken { address: email }),
            },
        }
    }

    async fn known_account(
        &self,
        identity: &ExternalIdentity,
        email: &EmailAddress,
    ) -> Result<Option<Account>, SignInError> {
        let accounts = &*self.ports.accounts;
        let Some(mut account) = accounts.find_by_identity(&identity.issuer, &identity.subject).await? else {
            return Ok(None);
        };
        if account.status == AccountStatus::Disabled {
            return Err(SignInError::AccountDisabled);
        }
        let now = self.ports.clock.now();
        match accounts.record_sign_in(account.id, identity, email, now).await? {
            ProfileUpdate::Done => account.email = Some(email.clone()),
            ProfileUpdate::EmailTaken => {
                self.ports.log.record(SignInEvent::EmailKept { account: account.id });
            }
        }
        account.name = identity.name.clone().or(account.name);
        Ok(Some(account))
    }

    /// Opens a new session: never one whose id existed before.
    async fn open_session(
        &self,
        account: &Account,
        attempt: &SignInAttempt,
        identity: ExternalIdentity,
    ) -> Result<(SessionId, SessionToken), SignInError> {
        let now = self.ports.clock.now();
        let session = Session {
            id: SessionId::fresh(&*self.ports.entropy),
            account: account.id,
            provider: attempt.provider.clone(),
            groups: identity.groups,
            authentication_methods: identity.authentication_methods,
            authenticated_at: identity.authenticated_at.map_or(now, |at: Timestamp| at.min(now)),
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(self.policy.session_absolute_limit),
            ended_at: None,
        };
        let token = self.ports.tokens.issue(&self.claims(account, &session, now))?;
        self.ports.sessions.create(&session).await?;
        Ok((session.id, token))
    }
}

/// The code, if the response comes from the issuer that was asked (RFC 9207 section 2.4). An error is believed under
/// the same condition.
fn code_from_the_right_issuer(
    attempt: &SignInAttempt,
    response: AuthorizationResponse,
) -> Result<AuthorizationCode, SignInError> {
    match response.issuer {
        Some(stated) if stated != attempt.issuer.as_str() => {
            return Err(SignInError::IssuerMismatch { stated: ForeignText::new(&stated) });
        }
        None if attempt.issuer_in_response => return Err(SignInError::IssuerMissing),
        _ => {}
    }
    match response.outcome {
        AuthorizationOutcome::Code(code) => Ok(code),
        AuthorizationOutcome::Error { code, description } => Err(SignInError::Refused { code, description }),
    }
}

async fn redeem(
    provider: &dyn IdentityProvider,
    attempt: &SignInAttempt,
    code: AuthorizationCode,
) -> Result<ExternalIdentity, SignInError> {
    let redemption = CodeRedemption {
        code,
        verifier: attempt.verifier.clone(),
        nonce: attempt.nonce.clone(),
        redirect_uri: attempt.redirect_uri.clone(),
        issuer: attempt.issuer.clone(),
        started_at: attempt.started_at,
    };
    Ok(provider.redeem(redemption).await?)
}

/// The address, if it can be trusted to be the person's.
fn trusted_email(provider: &ProviderDescription, claim: &EmailClaim) -> Result<EmailAddress, SignInError> {
    match (claim, provider.email_trust) {
        (EmailClaim::Missing, _) => Err(SignInError::EmailMissing),
        (EmailClaim::Malformed, _) => Err(SignInError::EmailMalformed),
        (EmailClaim::Stated { address, verified: true }, _)
        | (EmailClaim::Stated { address, .. }, EmailTrust::Provider) => Ok(address.clone()),
        (EmailClaim::Stated { address, verified: false }, EmailTrust::Claim) => {
            Err(SignInError::EmailUnverified { address: address.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ISSUER, NOW, Scene, World, account, ada, identity, stated};
    use super::*;
    use crate::error::ErrorCode;
    use crate::ports::{ProviderError, StoreError};

    /// A world in which the provider must never be asked to redeem anything, and nothing may be created.
    fn nothing_happens(issuer_in_response: bool) -> World {
        let mut world = World::default();
        let mut provider = World::provider(issuer_in_response, EmailTrust::Claim);
        provider.expect_redeem().never();
        world.providers.push(provider);
        world.accounts.expect_create().never();
        world.sessions.expect_create().never();
        world
    }

    /// A world in which the provider says this, and nothing may be created yet.
    fn provider_says(result: Result<ExternalIdentity, ProviderError>, trust: EmailTrust) -> World {
        let mut world = World::default();
        let mut provider = World::provider(false, trust);
        provider.expect_redeem().times(1).return_once(move |_| result);
        world.providers.push(provider);
        world
    }

    fn nobody_is_known(world: &mut World) {
        world.accounts.expect_find_by_identity().returning(|_, _| Ok(None));
    }

    async fn refused(scene: &Scene, query: &str, pending: &[PresentedAttempt]) -> ErrorCode {
        let refusal = scene.sign_in.complete_external(query, pending, None).await.unwrap_err();
        let recorded = scene.log.events().iter().any(
            |event| matches!(event, SignInEvent::Refused { reference, .. } if *reference == refusal.reference),
        );
        assert!(recorded, "the refusal is not in the log under its reference");
        refusal.error.code()
    }

    async fn completed(scene: &Scene, target: &str) -> Result<CompletedSignIn, Refusal> {
        let (cookie, state) = scene.begin(target).await;
        scene.sign_in.complete_external(&format!("code=c&state={state}"), &[cookie], None).await
    }

    #[tokio::test]
    async fn c023_a_state_that_this_browser_did_not_start_is_refused_without_a_token_request() {
        let scene = nothing_happens(false).scene();
        let (cookie, state) = scene.begin("/").await;
        let altered = format!("{}x", &state[1..]);
        for query in ["code=c", "code=c&state=", &format!("code=c&state={altered}"), "code=c&state=unknown"] {
            let code = refused(&scene, query, std::slice::from_ref(&cookie)).await;
            assert!(matches!(code, ErrorCode::AttemptUnknown | ErrorCode::CallbackMalformed), "{query}");
        }
    }

    #[tokio::test]
    async fn c024_an_attackers_code_and_state_in_the_victims_browser_are_refused() {
        let scene = nothing_happens(false).scene();
        let (_, attackers_state) = scene.begin("/").await;
        let (victims_cookie, _) = scene.begin("/").await;
        let query = format!("code=attackers&state={attackers_state}");
        assert_eq!(refused(&scene, &query, &[victims_cookie]).await, ErrorCode::AttemptUnknown);
        assert_eq!(refused(&scene, &query, &[]).await, ErrorCode::AttemptUnknown);
    }

    #[tokio::test]
    async fn a_cookie_moved_to_the_name_of_another_attempt_does_not_open() {
        let scene = nothing_happens(false).scene();
        let (one, _) = scene.begin("/").await;
        let (other, state) = scene.begin("/").await;
        let moved = PresentedAttempt { id: other.id, sealed: one.sealed };
        assert_eq!(
            refused(&scene, &format!("code=c&state={state}"), &[moved]).await,
            ErrorCode::AttemptUnknown
        );
    }

    #[tokio::test]
    async fn c026_a_second_callback_makes_no_second_token_request() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        nobody_is_known(&mut world);
        world.accounts.expect_create().times(1).returning(|_, _| Ok(AccountCreation::Created));
        world.sessions.expect_create().times(1).returning(|_| Ok(()));
        let scene = world.scene();
        let (cookie, state) = scene.begin("/").await;
        let query = format!("code=c&state={state}");
        let cookies = [cookie];
        assert!(scene.sign_in.complete_external(&query, &cookies, None).await.is_ok());
        assert_eq!(refused(&scene, &query, &cookies).await, ErrorCode::AttemptSpent);
    }

    #[tokio::test]
    async fn c029_an_expired_attempt_is_refused_and_says_where_the_person_wanted_to_go() {
        let scene = nothing_happens(false).scene();
        let (cookie, state) = scene.begin("/notebooks").await;
        scene.clock.advance(600);
        let query = format!("code=c&state={state}");
        let refusal = scene.sign_in.complete_external(&query, &[cookie], None).await.unwrap_err();
        assert_eq!(refusal.error, SignInError::AttemptExpired);
        assert_eq!(refusal.return_to.as_str(), "/notebooks");
    }

    #[tokio::test]
    async fn c033_c034_c035_c036_the_providers_errors_are_told_apart_and_make_no_token_request() {
        let scene = nothing_happens(false).scene();
        for (error, code) in [
            ("access_denied", ErrorCode::AccessDenied),
            ("login_required", ErrorCode::InteractionRequired),
            ("interaction_required", ErrorCode::InteractionRequired),
            ("consent_required", ErrorCode::InteractionRequired),
            ("account_selection_required", ErrorCode::InteractionRequired),
            ("temporarily_unavailable", ErrorCode::ProviderBusy),
            ("server_error", ErrorCode::ProviderBusy),
            ("invalid_request", ErrorCode::RequestRefused),
            ("unauthorized_client", ErrorCode::RequestRefused),
            ("unsupported_response_type", ErrorCode::RequestRefused),
            ("invalid_scope", ErrorCode::RequestRefused),
            ("invalid_request_uri", ErrorCode::RequestRefused),
            ("invalid_request_object", ErrorCode::RequestRefused),
            ("request_not_supported", ErrorCode::RequestRefused),
            ("something_new", ErrorCode::RequestRefused),
        ] {
            let (cookie, state) = scene.begin("/").await;
            assert_eq!(
                refused(&scene, &format!("error={error}&state={state}"), &[cookie]).await,
                code,
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn c037_an_error_without_a_state_of_ours_changes_nothing() {
        let scene = nothing_happens(false).scene();
        let (cookie, state) = scene.begin("/").await;
        let cookies = [cookie];
        let forged = "error=access_denied&error_description=%3Cscript%3E&state=forged";
        assert_eq!(refused(&scene, forged, &cookies).await, ErrorCode::AttemptUnknown);
        // The attempt is still good: the provider's own answer to it counts.
        let query = format!("error=access_denied&state={state}");
        assert_eq!(refused(&scene, &query, &cookies).await, ErrorCode::AccessDenied);
    }

    #[tokio::test]
    async fn c039_iss_of_another_provider_aborts_before_the_code_is_sent() {
        let scene = nothing_happens(false).scene();
        for iss in ["https://evil.example", "https://op.example/", "https://OP.example", ""] {
            let (cookie, state) = scene.begin("/").await;
            let query = format!("code=c&state={state}&iss={iss}");
            assert_eq!(refused(&scene, &query, &[cookie]).await, ErrorCode::IssuerMismatch, "{iss:?}");
        }
    }

    #[tokio::test]
    async fn c040_a_promised_iss_that_is_absent_aborts_before_the_code_is_sent() {
        let scene = nothing_happens(true).scene();
        let (cookie, state) = scene.begin("/").await;
        assert_eq!(
            refused(&scene, &format!("code=c&state={state}"), &[cookie]).await,
            ErrorCode::IssuerMissing
        );
    }

    #[tokio::test]
    async fn c041_an_error_of_another_issuer_is_not_believed() {
        let scene = nothing_happens(true).scene();
        for (iss, code) in [
            ("&iss=https://evil.example", ErrorCode::IssuerMismatch),
            ("", ErrorCode::IssuerMissing),
            ("&iss=https://op.example", ErrorCode::AccessDenied),
        ] {
            let (cookie, state) = scene.begin("/").await;
            let query = format!("error=access_denied&state={state}{iss}");
            assert_eq!(refused(&scene, &query, &[cookie]).await, code, "{iss}");
        }
    }

    #[tokio::test]
    async fn what_was_sealed_is_what_redeems_the_code() {
        let mut world = World::default();
        let mut provider = World::provider(true, EmailTrust::Claim);
        provider.expect_redeem().times(1).returning(|redemption| {
            assert_eq!(redemption.code.as_str(), "the-code");
            assert_eq!(redemption.issuer.as_str(), ISSUER);
            assert_eq!(redemption.redirect_uri.as_str(), "https://lab.example/api/auth/oidc/callback");
            assert_eq!(redemption.started_at, Timestamp::from_unix_seconds(NOW));
            assert_ne!(redemption.nonce.as_str(), redemption.verifier.as_str());
            Err(ProviderError::CodeRejected(None))
        });
        world.providers.push(provider);
        let scene = world.scene();
        let (cookie, state) = scene.begin("/").await;
        let query = format!("code=the-code&state={state}&iss={ISSUER}");
        assert_eq!(refused(&scene, &query, &[cookie]).await, ErrorCode::CodeRejected);
    }

    #[tokio::test]
    async fn a_first_sign_in_makes_an_account_a_session_and_a_token() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        nobody_is_known(&mut world);
        world
            .accounts
            .expect_create()
            .times(1)
            .withf(|account, identity| {
                account.username.as_str() == "ada@example.com"
                    && account.email == Some(ada())
                    && account.role == Role::User
                    && identity.subject.as_str() == "subject-of-ada"
            })
            .returning(|_, _| Ok(AccountCreation::Created));
        world.sessions.expect_create().times(1).returning(|_| Ok(()));
        let scene = world.scene();

        let CompletedSignIn::SignedIn { token, return_to, .. } =
            completed(&scene, "/notebooks?x=1").await.unwrap()
        else {
            panic!("not signed in")
        };
        assert_eq!(return_to.as_str(), "/notebooks?x=1");
        let claims = crate::ports::TokenIssuer::authenticate(&*scene.tokens, token.expose()).unwrap();
        assert_eq!(claims.email, Some(ada()));
        assert_eq!(claims.groups, ["lab-users"]);
        assert_eq!(claims.exp, Timestamp::from_unix_seconds(NOW + 900));
        assert!(matches!(scene.log.events().last(), Some(SignInEvent::SignedIn { created: true, .. })));
    }

    #[tokio::test]
    async fn c099_a_returning_person_is_found_by_issuer_and_subject_and_the_address_only_updated() {
        let mut moved = identity(stated(true));
        let new_address = EmailAddress::parse("ada@new.example").unwrap();
        moved.email = EmailClaim::Stated { address: new_address.clone(), verified: true };
        let mut world = provider_says(Ok(moved), EmailTrust::Claim);
        world
            .accounts
            .expect_find_by_identity()
            .withf(|issuer, subject| issuer.as_str() == ISSUER && subject.as_str() == "subject-of-ada")
            .times(1)
            .returning(|_, _| Ok(Some(account(AccountStatus::Active))));
        world
            .accounts
            .expect_record_sign_in()
            .withf(move |_, _, email, _| *email == new_address)
            .times(1)
            .returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.accounts.expect_create().never();
        let id = account(AccountStatus::Active).id;
        world
            .sessions
            .expect_create()
            .withf(move |session| session.account == id)
            .times(1)
            .returning(|_| Ok(()));
        assert!(completed(&world.scene(), "/").await.is_ok());
    }

    #[tokio::test]
    async fn an_untrusted_address_is_refused_and_nothing_is_created() {
        for (email, trust, code) in [
            (EmailClaim::Missing, EmailTrust::Claim, ErrorCode::EmailMissing),
            (EmailClaim::Missing, EmailTrust::Provider, ErrorCode::EmailMissing),
            (EmailClaim::Malformed, EmailTrust::Provider, ErrorCode::EmailMalformed),
            (stated(false), EmailTrust::Claim, ErrorCode::EmailUnverified),
        ] {
            let mut world = provider_says(Ok(identity(email)), trust);
            world.accounts.expect_create().never();
            world.sessions.expect_create().never();
            assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), code);
        }
    }

    #[tokio::test]
    async fn a_provider_that_owns_its_addresses_need_not_state_them_verified() {
        let mut world = provider_says(Ok(identity(stated(false))), EmailTrust::Provider);
        nobody_is_known(&mut world);
        world.accounts.expect_create().times(1).returning(|_, _| Ok(AccountCreation::Created));
        world.sessions.expect_create().times(1).returning(|_| Ok(()));
        assert!(completed(&world.scene(), "/").await.is_ok());
    }

    #[tokio::test]
    async fn c101_an_address_of_another_account_is_never_joined_silently() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        nobody_is_known(&mut world);
        world.accounts.expect_create().times(1).returning(|_, _| Ok(AccountCreation::NameTaken));
        world.sessions.expect_create().never();
        assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::EmailTaken);
    }

    #[tokio::test]
    async fn c121_a_disabled_account_stays_out() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        world.accounts.expect_find_by_identity().returning(|_, _| Ok(Some(account(AccountStatus::Disabled))));
        world.accounts.expect_create().never();
        world.sessions.expect_create().never();
        assert_eq!(
            completed(&world.scene(), "/").await.unwrap_err().error.code(),
            ErrorCode::AccountDisabled
        );
    }

    #[tokio::test]
    async fn c122_of_two_first_sign_ins_at_once_the_slower_finds_the_account_of_the_quicker() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        let mut asked = 0;
        world.accounts.expect_find_by_identity().times(2).returning(move |_, _| {
            asked += 1;
            Ok((asked == 2).then(|| account(AccountStatus::Active)))
        });
        world.accounts.expect_create().times(1).returning(|_, _| Ok(AccountCreation::IdentityTaken));
        world.accounts.expect_record_sign_in().returning(|_, _, _, _| Ok(ProfileUpdate::Done));
        world.sessions.expect_create().times(1).returning(|_| Ok(()));
        assert!(completed(&world.scene(), "/").await.is_ok());
    }

    #[tokio::test]
    async fn with_self_registration_off_nobody_is_created() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        world.closed = true;
        nobody_is_known(&mut world);
        world.accounts.expect_create().never();
        world.sessions.expect_create().never();
        assert_eq!(
            completed(&world.scene(), "/").await.unwrap_err().error.code(),
            ErrorCode::RegistrationClosed
        );
    }

    #[tokio::test]
    async fn a_store_that_fails_refuses_the_sign_in() {
        let mut world = provider_says(Ok(identity(stated(true))), EmailTrust::Claim);
        world.accounts.expect_find_by_identity().returning(|_, _| Err(StoreError("disk full".to_owned())));
        world.sessions.expect_create().never();
        assert_eq!(completed(&world.scene(), "/").await.unwrap_err().error.code(), ErrorCode::Internal);
    }
}
