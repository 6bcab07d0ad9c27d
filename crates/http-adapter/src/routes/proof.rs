//! The proof of an act that a session alone does not permit: a password in the same request, or a round trip
//! to a provider before it.

use labgate_domain::attempt::ActDigest;
use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::{Proof, ProofWays, Ticket};

use super::own_account::onward;
use super::passwords::password;
use crate::audience::Audience;
use crate::cookies;
use crate::failure::Failure;
use crate::pages::Form;
use crate::paths::{self, InLab};
use crate::reply::Response;
use crate::request::{ParsedRequest, optional};
use crate::state::AppState;

/// The field with the person's own password.
const YOUR_PASSWORD: &str = "your_password";
/// The button that has a provider confirm the act.
const CONFIRM_AT: &str = "confirm_at";

impl ParsedRequest {
    /// Returns the proof that the request brings.
    pub(super) fn proof(&self) -> Proof {
        if self.fields().text(YOUR_PASSWORD).is_some_and(|typed| !typed.is_empty()) {
            return Proof::Password(password(self.fields(), YOUR_PASSWORD));
        }
        self.proof_ticket().map_or(Proof::Nothing, Proof::Ticket)
    }

    fn proof_ticket(&self) -> Option<Ticket> {
        self.cookies.proof.as_deref().and_then(Ticket::parse)
    }
}

impl AppState {
    /// Returns the ways in which the person can prove an act.
    pub(super) async fn proof_ways(
        &self,
        request: &ParsedRequest,
        act: Option<&ActDigest>,
    ) -> Result<ProofWays, Failure> {
        let ticket = request.proof_ticket();
        Ok(self.sign_in.acts().ways(act, ticket.as_ref(), &request.visitor()).await?)
    }

    /// Sends the browser to the provider that is to confirm the act, where the person asks for that in a form,
    /// and then back to the page with these fields filled in. Not for a script: it could have a
    /// provider ask the person out of the blue.
    pub(super) async fn confirmed_elsewhere(
        &self,
        request: &ParsedRequest,
        act: &ActDigest,
        page: impl InLab,
        fields: &[&str],
    ) -> Result<Option<Response>, Failure> {
        let asked = request.fields().filled(CONFIRM_AT).filter(|_| request.is_form());
        let Some(provider) = optional(asked, ProviderId::parse)? else { return Ok(None) };
        let fields = request.fields().among(fields);
        let back = match fields.as_slice() {
            [] => self.site.return_to_page(page),
            fields => self.site.return_to_page(paths::with_parameters(page, fields)),
        };
        let pending = &request.cookies.attempts;
        let begun =
            self.sign_in.acts().begin(act.clone(), &provider, back, pending, &request.visitor()).await?;
        onward(self, request, Some(&provider), &begun).map(Some)
    }

    /// Answers an act that was refused: a person gets its page again, with the ways to prove it.
    pub(super) async fn act_refused(
        &self,
        request: &ParsedRequest,
        failure: Failure,
        act: Option<&ActDigest>,
        page: impl FnOnce(&ProofWays, Form<'_>) -> Response,
    ) -> Result<Response, Failure> {
        if request.audience == Audience::Program || failure.is_final() || failure.is_not_signed_in() {
            return Err(failure);
        }
        let proof = self.proof_ways(request, act).await?;
        self.form_refused(request, failure, |form| page(&proof, form))
    }

    /// Removes the ticket of an act that was done.
    pub(super) fn without_proof(
        &self,
        response: Response,
        request: &ParsedRequest,
    ) -> Result<Response, Failure> {
        self.with_cookies(response, request.cookies.proof.iter().map(|_| self.cookies.clear(cookies::PROOF)))
    }
}
