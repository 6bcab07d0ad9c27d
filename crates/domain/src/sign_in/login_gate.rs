use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ticket::{Ticket, Tickets};
use super::trail::Step;
use super::trails::OpenTrail;
use super::visitor::Visitor;
use crate::error::{PasswordError, SignInError};
use crate::ports::{Consumption, LoginAttempt, LoginTarget, Permit, SpentAttempts, StoreError, Throttle};
use crate::rate_limit::{TURN_AFTER, TURN_LASTS};
use crate::time::Timestamp;

/// Rate limits login attempts, and gives a turn to those who have to wait.
#[derive(Clone, Copy)]
pub struct LoginGate<'a> {
    /// Counts the attempts.
    pub throttle: &'a dyn Throttle,
    /// Makes turns single-use.
    pub spent_attempts: &'a dyn SpentAttempts,
    /// Seals turns.
    pub tickets: Tickets<'a>,
}

/// The content of the ticket of a turn.
#[derive(Clone, Serialize, Deserialize)]
struct Turn {
    /// The name that it is for; without one it is for a registration.
    name: Option<String>,
    not_before: Timestamp,
}

const TURN: &str = "wait for a turn";

/// The longest wait for a turn that is given: one that begins later was given before the clock was set back.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

impl Turn {
    fn until(&self) -> Timestamp {
        self.not_before.plus(TURN_LASTS)
    }
}

impl LoginGate<'_> {
    /// Grants an attempt that is counted alone: by a known device, or inside a session.
    pub(super) async fn admit(
        self,
        attempt: LoginAttempt,
        trail: &mut OpenTrail,
    ) -> Result<LoginAttempt, SignInError> {
        match self.throttle.admit(attempt.clone(), self.now()).await? {
            Permit::Granted => Ok(attempt),
            Permit::RetryAfter(wait) => Err(refused(wait, None, trail)),
        }
    }

    /// Grants an attempt by a browser that nothing is known of: in the turn that it has waited for, or else as
    /// one of all strangers. A refused one gets a turn, unless it has one already.
    pub(super) async fn admit_stranger(
        self,
        target: LoginTarget,
        visitor: &Visitor<'_>,
        trail: &mut OpenTrail,
    ) -> Result<LoginAttempt, SignInError> {
        let (now, source) = (self.now(), visitor.source);
        let mut presented = self.presented(&target, visitor);
        let mut of_turns = None;
        if let Some((ticket, turn)) = presented.as_ref().filter(|(_, turn)| now >= turn.not_before) {
            let attempt = LoginAttempt::Turn { target: target.clone(), source };
            match self.throttle.admit(attempt.clone(), now).await? {
                Permit::RetryAfter(wait) => of_turns = Some(wait),
                Permit::Granted => {
                    match self.spent_attempts.consume(ticket.id(), turn.until()).await {
                        Ok(Consumption::First) => return Ok(attempt),
                        spent => {
                            self.throttle.cancel(attempt, now).await?;
                            spent?;
                        }
                    }
                    presented = None;
                }
            }
        }
        let attempt = LoginAttempt::Stranger { target: target.clone(), source };
        let Permit::RetryAfter(of_strangers) = self.throttle.admit(attempt.clone(), now).await? else {
            return Ok(attempt);
        };
        let comes_at = match (&presented, of_turns) {
            (Some((_, turn)), None) => turn.not_before,
            (_, Some(wait)) => now.plus(wait),
            (None, None) => now.plus(TURN_AFTER),
        };
        let is_kept = presented.is_some_and(|(_, turn)| comes_at < turn.until());
        let turn = if is_kept { None } else { self.turn(&target, comes_at) };
        Err(refused(of_strangers.min(comes_at.since(now)), turn, trail))
    }

    /// Records a right password.
    pub(super) async fn record_success(self, granted: LoginAttempt) -> Result<(), StoreError> {
        self.throttle.record_success(granted, self.now()).await
    }

    /// Cancels an attempt whose password was not checked.
    pub(super) async fn cancel(self, granted: LoginAttempt) -> Result<(), StoreError> {
        self.throttle.cancel(granted, self.now()).await
    }

    fn now(self) -> Timestamp {
        self.tickets.clock.now()
    }

    /// Returns the visitor's turn at this target, come or not; none that is over.
    fn presented(self, target: &LoginTarget, visitor: &Visitor<'_>) -> Option<(Ticket, Turn)> {
        let ticket = Ticket::parse(visitor.turn?)?;
        let turn: Turn = self.tickets.open(TURN, &ticket).ok()?;
        let is_for_it = turn.name.as_deref() == name_of(target);
        (is_for_it && turn.not_before < self.now().plus(LONGEST_WAIT)).then_some((ticket, turn))
    }

    /// Makes a turn. Without a key to seal with there is none, and the stranger waits as all do.
    fn turn(self, target: &LoginTarget, not_before: Timestamp) -> Option<Ticket> {
        let turn = Turn { name: name_of(target).map(str::to_owned), not_before };
        self.tickets.seal_until(TURN, turn.until(), turn).ok()
    }
}

fn name_of(target: &LoginTarget) -> Option<&str> {
    match target {
        LoginTarget::Name(name) => Some(name),
        LoginTarget::Registration => None,
    }
}

fn refused(wait: Duration, turn: Option<Ticket>, trail: &mut OpenTrail) -> SignInError {
    trail.step(Step::RateLimited { wait });
    PasswordError::TooManyAttempts { retry_after: wait, turn }.into()
}
