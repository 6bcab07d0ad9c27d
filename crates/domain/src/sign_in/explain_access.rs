use super::administrator::AccountReader;
use super::check_access::Access;
use super::claims::all_groups;
use crate::access::{Target, TokenUse};
use crate::error::{AccountError, Refusal, SignInError};
use crate::people::{Account, Username};
use crate::return_to::ReturnTo;
use crate::session::{SessionId, SessionPerson};

/// What a check would decide about a request, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessExplained {
    /// Whether the request may pass.
    pub passes: bool,
    /// The rule or the condition that decides, or why no service has the target.
    pub decided_by: String,
    /// The groups of the account's latest live session, which count; empty without an account or a session.
    pub groups: Vec<String>,
    /// Whether the rule takes access tokens: a request with one needs its service in the scope, too.
    pub tokens: TokenUse,
    /// Whether the account has a live session. Without one the groups of its provider are not known.
    pub has_session: bool,
}

impl Access<'_> {
    /// Says what a check would decide about a request of an account, or of one without a session. It
    /// judges the account as if it were active, by the groups of its latest live session.
    ///
    /// # Errors
    /// When there is no such account, or the store failed.
    pub async fn explain(
        &self,
        _: &AccountReader,
        target: &Target,
        account: Option<&str>,
    ) -> Result<AccessExplained, Refusal> {
        let refuse = |error| self.refusals.refuse(error, ReturnTo::main_page());
        let (person, has_session) = match account {
            Some(name) => self.person_named(name).await.map_err(refuse)?,
            None => (None, false),
        };
        let in_force = self.services().await;
        let verdict = match in_force.judge(target) {
            Ok(verdict) => verdict,
            Err(reason) => {
                let (decided_by, groups) = (reason.to_string(), Vec::new());
                let tokens = TokenUse::No;
                return Ok(AccessExplained { passes: false, decided_by, groups, tokens, has_session });
            }
        };
        let admits = |person: &SessionPerson| verdict.admits(person);
        let terms = |person: &SessionPerson| self.policy.need_terms(&person.accepted_terms).err();
        let due = person.as_ref().and_then(terms).filter(|_| !verdict.is_public());
        let passes = verdict.is_public() || (due.is_none() && person.as_ref().is_some_and(admits));
        let decided_by = due.map_or_else(|| verdict.to_string(), |due| due.to_string());
        let groups = person.map(|person| person.groups).unwrap_or_default();
        Ok(AccessExplained { passes, decided_by, groups, tokens: verdict.tokens, has_session })
    }

    async fn person_named(&self, name: &str) -> Result<(Option<SessionPerson>, bool), SignInError> {
        let name = Username::typed(name).map_err(|_| AccountError::Unknown)?;
        let account: Account =
            self.requests.accounts.find_by_name(&name).await?.ok_or(AccountError::Unknown)?;
        let now = self.clock.now();
        let sessions = self.requests.sessions.list_of(account.id, now).await?;
        let live = sessions.into_iter().find(|it| it.is_live(now, self.policy.session_idle_limit));
        let has_session = live.is_some();
        let (session, groups) = if let Some(session) = &live {
            (session.id, all_groups(&account.groups, &session.groups))
        } else {
            let local = account.groups.names().iter().map(ToString::to_string).collect();
            (SessionId::fresh(self.requests.trails.entropy), local)
        };
        let person = SessionPerson {
            account: account.id,
            session,
            username: account.username,
            email: account.email,
            name: account.name,
            role: account.role,
            groups,
            local_groups: account.groups,
            accepted_terms: account.accepted_terms,
            authenticated_at: now,
        };
        Ok((Some(person), has_session))
    }
}
