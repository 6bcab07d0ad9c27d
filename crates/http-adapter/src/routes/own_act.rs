//! The question before a change of what opens the person's own account, and before an access token.

use labgate_domain::access_token::NewAccessToken;
use labgate_domain::error::Refusal;
use labgate_domain::provider::ProviderId;
use labgate_domain::sign_in::{OwnAct, ProofWays};

use crate::failure::Failure;
use crate::form::Fields;
use crate::pages::{ConfirmPage, Form};
use crate::paths;
use crate::reply::{self, Response};
use crate::request::ParsedRequest;
use crate::state::AppState;

/// The fields of a change that its page keeps.
const KEPT: &[&str] = &["do", "provider", "issuer", "subject", "name", "scope", "days"];

/// Has a provider confirm the act first, where the person asks for that.
pub(super) async fn confirmed_elsewhere(
    state: &AppState,
    request: &ParsedRequest,
    act: &OwnAct,
) -> Result<Option<Response>, Failure> {
    state.confirmed_elsewhere(request, &act.digest(), paths::ACCOUNT_PAGE, KEPT).await
}

/// Answers an act that was refused: a person is asked again.
pub(super) async fn asked_again(
    state: &AppState,
    request: &ParsedRequest,
    refusal: Refusal,
    act: &OwnAct,
) -> Result<Response, Failure> {
    let again = |proof: &ProofWays, form: Form<'_>| question(state, request.fields(), act, proof, form);
    state.act_refused(request, refusal.into(), Some(&act.digest()), again).await
}

/// Asks before the act is done, and for proof.
pub(super) fn question(
    state: &AppState,
    fields: &Fields,
    act: &OwnAct,
    proof: &ProofWays,
    form: Form<'_>,
) -> Response {
    let t = &state.site;
    let fields = match act {
        OwnAct::MakeToken(NewAccessToken { name, scope, days }) => {
            vec![("do", "make-token"), ("name", name.as_str()), ("scope", scope), ("days", days)]
        }
        OwnAct::Link(_) | OwnAct::Unlink(..) => fields.among(KEPT),
    };
    let (question, yes) = match act {
        OwnAct::Link(provider) => {
            let provider = provider_name(state, provider.as_ref());
            (t.confirm.link.with("provider", &provider), t.own_account.add.with("provider", &provider))
        }
        OwnAct::MakeToken(NewAccessToken { name, scope, .. }) => {
            (t.confirm.make_token.with("name", name).with("scope", scope), t.access_token.make.clone())
        }
        OwnAct::Unlink(issuer, _) => (t.confirm.unlink.with("issuer", issuer), t.own_account.remove.clone()),
    };
    reply::page(&ConfirmPage {
        t,
        heading: &t.own_account.title.to_string(),
        question: &question,
        action: &t.at(paths::ACCOUNT_PAGE),
        fields,
        yes: &yes,
        no: &t.at(paths::ACCOUNT_PAGE),
        is_grave: false,
        proof,
        form,
    })
}

/// Returns the name of a provider, or of the default one.
pub(super) fn provider_name(state: &AppState, provider: Option<&ProviderId>) -> String {
    let mut known = state.sign_in.providers().all().into_iter();
    let name = known.find(|(known, _)| Some(&known.id) == provider);
    name.map_or_else(|| state.site.common.the_provider.to_string(), |(provider, _)| provider.name)
}
