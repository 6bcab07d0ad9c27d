//! The product: how a person signs in, stays signed in, and signs out.
//!
//! One file per use case, each reading top to bottom like its sequence diagram. [`SignIn`] puts them
//! together: each facet holds the ports that its use cases need, and no other, and can be built without the
//! rest.
//!
//! | facet | file | use cases |
//! | --- | --- | --- |
//! | [`Providers`] | `offer_providers` | list the providers, and put the chosen one first |
//! | [`ExternalSignIn`] | `begin_external`, `complete_external` | send a browser to a provider; take it back with a code, and open a session |
//! | [`Linking`] | `link_identity` | link a further identity to an account, on proof that both belong to one person |
//! | [`Requests`] | `check_request`, `check_token` | the forward-auth check, on every request of the lab |
//! | [`Access`] | `check_access` | the same with a target: may the request pass to its service? |
//! | [`HandOver`] | `hand_over` | hand a browser over to the host of a service |
//! | [`Revalidation`] | `revalidate` | ask a provider again whether people may still come in |
//! | [`Sessions`] | `sign_out` | end a session, here and at the provider |
//! | [`BackChannel`] | `back_channel_logout` | end the sessions that a provider says have ended |
//! | [`OwnAccounts`] | `own_account`, `accept_terms` | manage one's own account and sessions, accept the terms of service |
//! | [`AccessTokens`] | `access_tokens` | make, list and revoke one's own access tokens |
//! | [`Passwords`] | `passwords` | sign in with a password, change it |
//! | [`Registrar`] | `register` | create one's own account |
//! | [`Setup`] | `first_administrator` | create the lab's first administrator |
//! | [`Administration`] | `administer`, `manage_services`, `perform` | manage other people's accounts, and services |
//! | [`ActProver`] | `prove_act` | prove that the person wants an act, and not only their browser |
//! | [`Imports`] | `import` | take over the accounts of another system |
//! | [`Housekeeping`] | `housekeeping` | delete expired data, check readiness |

mod accept_terms;
mod access_tokens;
mod act;
mod administer;
mod administrator;
mod admit;
mod assign_role;
mod back_channel_logout;
mod begin_external;
mod check_access;
mod check_request;
mod check_token;
mod claims;
mod complete_external;
mod csrf;
mod end_sessions;
mod explain;
mod explain_access;
mod external_session;
mod first_administrator;
mod hand_over;
mod housekeeping;
mod import;
mod link_identity;
mod link_ticket;
mod live_services;
mod local_account;
mod login_gate;
mod manage_services;
mod new_password;
mod offer_providers;
mod open_session;
mod own_account;
mod passwords;
mod perform;
mod policy;
mod presented;
mod prove_act;
mod prove_password;
mod provider_list;
mod recent_checks;
mod refresh_token;
mod refusals;
mod register;
mod revalidate;
mod sign_out;
#[cfg(test)]
mod testing;
mod ticket;
mod trail;
mod trails;
mod visitor;

use std::sync::Arc;

pub use access_tokens::{AccessTokens, MadeAccessToken};
pub use act::{ActDone, AdminAct, OwnAct};
pub use administer::{AccountPatch, Administration, CreatedAccount, NewAccount};
pub use administrator::{AccountReader, Administrator};
pub use admit::{Admittance, admit};
pub use assign_role::Roles;
pub use back_channel_logout::BackChannel;
pub use begin_external::{BeginExternal, BegunSignIn, PendingCookie};
pub use check_access::{Access, Evidence, NoPassage, Passage, RecentAssertions};
pub use check_request::{CheckedRequest, NotSignedIn, Requests};
pub use complete_external::{CompletedSignIn, ExternalSignIn};
pub use csrf::CsrfSecret;
pub use end_sessions::SessionEnder;
pub use explain::explain;
pub use explain_access::AccessExplained;
pub use external_session::ExternalSessions;
pub use first_administrator::{
    FirstAdministratorError, FirstAdministratorWay, GivenAdministrator, Setup, SetupToken,
};
pub use hand_over::{Entered, Entering, HandOver, HandedOver};
pub use housekeeping::{Housekeeping, Readiness};
pub use import::{ImportFault, ImportProblem, ImportRow, Imported, Imports, ValidRow};
pub use link_identity::{LinkedSignIn, Linking, PendingLink};
pub use live_services::{AddedService, LiveServices, ServicesInForce, ServicesMemory};
pub use local_account::{LocalAccounts, Registration};
pub use login_gate::LoginGate;
pub use manage_services::ServiceChange;
pub use new_password::NewPasswords;
pub use offer_providers::{Offer, OfferedProvider, Providers};
pub use open_session::{PasswordSession, SessionOpener};
pub use own_account::{OwnAccount, OwnAccounts};
pub use passwords::{PasswordSignIn, PasswordSignedIn, Passwords};
pub use policy::Policy;
pub use prove_act::{ActProver, Proof, ProofWays};
pub use prove_password::PasswordProver;
pub use provider_list::ProviderList;
pub use recent_checks::RecentChecks;
pub use refusals::Refusals;
pub use register::Registrar;
pub use revalidate::{LastAnswers, Revalidation};
pub use sign_out::{LeftProvider, Sessions, SignedOut};
pub use ticket::{Ticket, Tickets};
pub use trail::{EmailVerdict, FoundBy, Outcome, PasswordMatch, SessionState, Step, Trail, Way};
pub use trails::Trails;
pub use visitor::Visitor;

use crate::error::Reference;
use crate::ports::{
    AccessTokenStore, AccountStore, AdministrationStore, CredentialStore, IdentityProvider, IdentityStore,
    Observer, PasswordHasher, PasswordJudge, ServiceStore, SessionStore, SignInRecords, Source,
    SpentAttempts, Throttle, TokenIssuer,
};
use crate::sealed::Sealer;
use crate::world::{Clock, Entropy};

/// The ports of all use cases.
#[derive(Clone)]
pub struct Ports {
    /// Identity providers; the first is the default.
    pub providers: Vec<Arc<dyn IdentityProvider>>,
    /// Access tokens.
    pub access_tokens: Arc<dyn AccessTokenStore>,
    /// Accounts.
    pub accounts: Arc<dyn AccountStore>,
    /// The external identities that open them.
    pub identities: Arc<dyn IdentityStore>,
    /// The passwords that open them.
    pub credentials: Arc<dyn CredentialStore>,
    /// Administration of them.
    pub administration: Arc<dyn AdministrationStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The services that administrators added.
    pub services: Arc<dyn ServiceStore>,
    /// Makes attempts single-use.
    pub spent_attempts: Arc<dyn SpentAttempts>,
    /// Seals attempts.
    pub sealer: Arc<dyn Sealer>,
    /// Signs session tokens.
    pub tokens: Arc<dyn TokenIssuer>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Judges new passwords.
    pub judge: Arc<dyn PasswordJudge>,
    /// Limits the rate of login attempts.
    pub throttle: Arc<dyn Throttle>,
    /// Sees events and trails.
    pub observer: Arc<dyn Observer>,
    /// Stores the trails of sign-ins.
    pub records: Arc<dyn SignInRecords>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The sign-in of one lab: one facet per group of use cases.
pub struct SignIn {
    ports: Ports,
    policy: Policy,
    recent: RecentChecks,
    assertions: RecentAssertions,
    services: ServicesMemory,
    readiness: Readiness,
    last_answers: LastAnswers,
    setup_token: Option<SetupToken>,
}

impl SignIn {
    /// Puts the sign-in together. Without a provider password sign-in is on, whatever the policy says: there
    /// would be no way in otherwise.
    #[must_use]
    pub fn new(ports: Ports, mut policy: Policy) -> Self {
        policy.passwords |= ports.providers.is_empty();
        Self {
            ports,
            services: ServicesMemory::new(&policy),
            policy,
            recent: RecentChecks::default(),
            assertions: RecentAssertions::default(),
            readiness: Readiness::default(),
            last_answers: LastAnswers::default(),
            setup_token: None,
        }
    }

    /// Lets the bearer of this token make the first administrator, as long as there is none.
    #[must_use]
    pub fn with_setup_token(self, token: SetupToken) -> Self {
        Self { setup_token: Some(token), ..self }
    }

    /// Returns the policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the public keys of the session tokens, as a JWK set in JSON.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.ports.tokens.jwks()
    }

    /// Returns a reference for an error that is not a refused sign-in.
    #[must_use]
    pub fn fresh_reference(&self) -> Reference {
        Reference::fresh(&*self.ports.entropy)
    }

    /// Returns the reference of a request that was refused before it came to a use case, for this code and
    /// reason, and records it.
    #[must_use]
    pub fn refuse_request(
        &self,
        code: &'static str,
        reason: Option<String>,
        path: &str,
        source: Source,
    ) -> Reference {
        self.refusals().from(source).refuse_request(code, reason, path)
    }

    /// The identity providers, for pages that offer them.
    #[must_use]
    pub fn providers(&self) -> Providers<'_> {
        Providers { list: self.provider_list(), policy: &self.policy, refusals: self.refusals() }
    }

    /// External sign-in.
    #[must_use]
    pub fn external(&self) -> ExternalSignIn<'_> {
        ExternalSignIn {
            begin: self.begin_external(),
            spent_attempts: &*self.ports.spent_attempts,
            requests: self.requests(),
            external: self.external_sessions(),
            access_tokens: &*self.ports.access_tokens,
            roles: self.roles(),
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// Account linking.
    #[must_use]
    pub fn linking(&self) -> Linking<'_> {
        Linking {
            requests: self.requests(),
            prover: self.prover(),
            acts: self.acts(),
            begin: self.begin_external(),
            external: self.external_sessions(),
            spent_attempts: &*self.ports.spent_attempts,
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// Proof of what a session alone does not permit.
    #[must_use]
    pub fn acts(&self) -> ActProver<'_> {
        ActProver {
            requests: self.requests(),
            prover: self.prover(),
            begin: self.begin_external(),
            external: self.external_sessions(),
            spent_attempts: &*self.ports.spent_attempts,
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// The forward-auth check.
    #[must_use]
    pub fn requests(&self) -> Requests<'_> {
        Requests {
            tokens: &*self.ports.tokens,
            sessions: &*self.ports.sessions,
            access_tokens: &*self.ports.access_tokens,
            accounts: &*self.ports.accounts,
            throttle: &*self.ports.throttle,
            recent: &self.recent,
            services: LiveServices {
                store: &*self.ports.services,
                memory: &self.services,
                policy: &self.policy,
            },
            trails: self.trails(),
            policy: &self.policy,
        }
    }

    /// The forward-auth check with a target.
    #[must_use]
    pub fn access(&self) -> Access<'_> {
        Access {
            requests: self.requests(),
            tokens: &*self.ports.tokens,
            recent: &self.assertions,
            clock: &*self.ports.clock,
            policy: &self.policy,
            refusals: self.refusals(),
        }
    }

    /// The hand-over to the host of a service.
    #[must_use]
    pub fn hand_over(&self) -> HandOver<'_> {
        HandOver {
            access: self.access(),
            tickets: self.tickets(),
            spent_attempts: &*self.ports.spent_attempts,
        }
    }

    /// Session revalidation.
    #[must_use]
    pub fn revalidation(&self) -> Revalidation<'_> {
        Revalidation {
            providers: self.provider_list(),
            last_answers: &self.last_answers,
            identities: &*self.ports.identities,
            access_tokens: &*self.ports.access_tokens,
            roles: self.roles(),
            tickets: self.tickets(),
            ender: self.ender(),
            policy: &self.policy,
        }
    }

    /// Sign-out.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions {
            tokens: &*self.ports.tokens,
            ender: self.ender(),
            providers: self.provider_list(),
            entropy: &*self.ports.entropy,
            policy: &self.policy,
            tickets: self.tickets(),
            refusals: self.refusals(),
        }
    }

    /// Back-channel logout.
    #[must_use]
    pub fn back_channel(&self) -> BackChannel<'_> {
        BackChannel {
            providers: self.provider_list(),
            spent_attempts: &*self.ports.spent_attempts,
            ender: self.ender(),
            refusals: self.refusals(),
        }
    }

    /// A person's own account and sessions.
    #[must_use]
    pub fn accounts(&self) -> OwnAccounts<'_> {
        OwnAccounts {
            requests: self.requests(),
            identities: &*self.ports.identities,
            credentials: &*self.ports.credentials,
            providers: self.provider_list(),
            ender: self.ender(),
            refusals: self.refusals(),
        }
    }

    /// A person's own access tokens.
    #[must_use]
    pub fn access_tokens(&self) -> AccessTokens<'_> {
        AccessTokens {
            store: &*self.ports.access_tokens,
            acts: self.acts(),
            ender: self.ender(),
            entropy: &*self.ports.entropy,
            policy: &self.policy,
            refusals: self.refusals(),
        }
    }

    /// Password sign-in, and the change of a password.
    #[must_use]
    pub fn passwords(&self) -> Passwords<'_> {
        Passwords {
            accounts: &*self.ports.accounts,
            prover: self.prover(),
            new_passwords: self.new_passwords(),
            tickets: self.tickets(),
            requests: self.requests(),
            opener: self.opener(),
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// Self-registration.
    #[must_use]
    pub fn registration(&self) -> Registrar<'_> {
        Registrar {
            accounts: &*self.ports.accounts,
            gate: self.gate(),
            local: self.local_accounts(),
            has_providers: !self.ports.providers.is_empty(),
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// The setup of a lab that has no administrator yet.
    #[must_use]
    pub fn setup(&self) -> Setup<'_> {
        Setup {
            administration: &*self.ports.administration,
            token: self.setup_token.as_ref(),
            local: self.local_accounts(),
            accounts: self.administration(),
            policy: &self.policy,
            trails: self.trails(),
        }
    }

    /// Other people's accounts.
    #[must_use]
    pub fn administration(&self) -> Administration<'_> {
        Administration {
            accounts: &*self.ports.accounts,
            administration: &*self.ports.administration,
            credentials: &*self.ports.credentials,
            access_tokens: &*self.ports.access_tokens,
            new_passwords: self.new_passwords(),
            requests: self.requests(),
            acts: self.acts(),
            ender: self.ender(),
            entropy: &*self.ports.entropy,
            refusals: self.refusals(),
        }
    }

    /// The import of accounts from another system.
    #[must_use]
    pub fn imports(&self) -> Imports<'_> {
        Imports {
            accounts: &*self.ports.accounts,
            hasher: &*self.ports.hasher,
            clock: &*self.ports.clock,
            entropy: &*self.ports.entropy,
            refusals: self.refusals(),
        }
    }

    /// Expiry and readiness.
    #[must_use]
    pub fn housekeeping(&self) -> Housekeeping<'_> {
        Housekeeping {
            accounts: &*self.ports.accounts,
            readiness: &self.readiness,
            sessions: &*self.ports.sessions,
            spent_attempts: &*self.ports.spent_attempts,
            throttle: &*self.ports.throttle,
            clock: &*self.ports.clock,
        }
    }

    fn trails(&self) -> Trails<'_> {
        Trails {
            observer: &*self.ports.observer,
            records: &*self.ports.records,
            clock: &*self.ports.clock,
            entropy: &*self.ports.entropy,
        }
    }

    fn refusals(&self) -> Refusals<'_> {
        Refusals { observer: &*self.ports.observer, entropy: &*self.ports.entropy, source: Source::default() }
    }

    fn provider_list(&self) -> ProviderList<'_> {
        ProviderList(&self.ports.providers)
    }

    fn tickets(&self) -> Tickets<'_> {
        Tickets { sealer: &*self.ports.sealer, clock: &*self.ports.clock, entropy: &*self.ports.entropy }
    }

    fn ender(&self) -> SessionEnder<'_> {
        SessionEnder {
            sessions: &*self.ports.sessions,
            recent: &self.recent,
            observer: &*self.ports.observer,
            clock: &*self.ports.clock,
        }
    }

    fn opener(&self) -> SessionOpener<'_> {
        SessionOpener {
            tokens: &*self.ports.tokens,
            ender: self.ender(),
            entropy: &*self.ports.entropy,
            policy: &self.policy,
        }
    }

    fn external_sessions(&self) -> ExternalSessions<'_> {
        ExternalSessions {
            identities: &*self.ports.identities,
            providers: self.provider_list(),
            tickets: self.tickets(),
            opener: self.opener(),
        }
    }

    fn begin_external(&self) -> BeginExternal<'_> {
        BeginExternal {
            providers: self.provider_list(),
            sealer: &*self.ports.sealer,
            observer: &*self.ports.observer,
            clock: &*self.ports.clock,
            entropy: &*self.ports.entropy,
            policy: &self.policy,
        }
    }

    fn roles(&self) -> Roles<'_> {
        Roles { administration: &*self.ports.administration, ender: self.ender() }
    }

    fn prover(&self) -> PasswordProver<'_> {
        PasswordProver {
            credentials: &*self.ports.credentials,
            hasher: &*self.ports.hasher,
            gate: self.gate(),
            requests: self.requests(),
        }
    }

    fn gate(&self) -> LoginGate<'_> {
        LoginGate {
            throttle: &*self.ports.throttle,
            spent_attempts: &*self.ports.spent_attempts,
            tickets: self.tickets(),
        }
    }

    fn new_passwords(&self) -> NewPasswords<'_> {
        NewPasswords {
            judge: &*self.ports.judge,
            hasher: &*self.ports.hasher,
            length: self.policy.password_length,
        }
    }

    fn local_accounts(&self) -> LocalAccounts<'_> {
        LocalAccounts {
            new_passwords: self.new_passwords(),
            credentials: &*self.ports.credentials,
            opener: self.opener(),
        }
    }
}
