//! The authorization response (RFC 6749 section 4.1.2, RFC 9207), and how it can go wrong.

use labgate_domain::ForeignText;
use labgate_domain::protocol::{AuthorizationOutcome, AuthorizationResponse, State};
use url::form_urlencoded;

use crate::authorization_request::Destination;
use crate::faults::Fault;
use crate::id_token::ANOTHER_ISSUER;
use crate::issuer::IssuerCore;
use crate::protocol::Refusal;

/// Returns the URL that brings an error to the client.
pub(crate) fn refused(issuer: &IssuerCore, to: &Destination, refusal: Refusal, faults: &[Fault]) -> String {
    let refusal = issuer.profile.errors.reword(refusal);
    let description = Some(ForeignText::new(&refusal.description));
    url(issuer, to, AuthorizationOutcome::Error { code: refusal.code, description }, faults)
}

/// Returns the URL that brings an answer to the client.
pub(crate) fn url(
    issuer: &IssuerCore,
    to: &Destination,
    outcome: AuthorizationOutcome,
    faults: &[Fault],
) -> String {
    let error = match &outcome {
        AuthorizationOutcome::Code(_) => None,
        AuthorizationOutcome::Error { code, .. } => Some(code.as_str().to_owned()),
    };
    let further = issuer.behaviour.callback_parameters(issuer, error.as_deref());
    let response = AuthorizationResponse {
        state: to.state.clone().unwrap_or_else(|| State::fresh(&*issuer.entropy)),
        issuer: issuer
            .supports("authorization_response_iss_parameter_supported")
            .then(|| issuer.issuer.as_str().to_owned()),
        outcome,
    };
    let proper = response.to_url(&to.redirect_uri);
    if faults.is_empty() && further.is_empty() && to.state.is_some() {
        return proper;
    }

    let added = proper.strip_prefix(to.redirect_uri.as_str()).unwrap_or_default();
    let (separator, query) = added.split_at_checked(1).unwrap_or(("?", ""));
    let mut parameters: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if to.state.is_none() {
        parameters.retain(|(name, _)| name != "state");
    }
    parameters.extend(further.into_iter().map(|(name, value)| (name.to_owned(), value)));
    for fault in faults {
        apply_fault(&mut parameters, fault);
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}{separator}{query}", to.redirect_uri)
}

fn apply_fault(parameters: &mut Vec<(String, String)>, fault: &Fault) {
    match fault {
        Fault::CallbackWrongIss => {
            parameters.retain(|(name, _)| name != "iss");
            parameters.push(("iss".to_owned(), ANOTHER_ISSUER.to_owned()));
        }
        Fault::CallbackNoIss => parameters.retain(|(name, _)| name != "iss"),
        Fault::CallbackAlteredState => {
            for (_, state) in parameters.iter_mut().filter(|(name, _)| name == "state") {
                let last = state.pop();
                state.push(if last == Some('A') { 'B' } else { 'A' });
            }
        }
        Fault::CallbackMissingState => parameters.retain(|(name, _)| name != "state"),
        Fault::CallbackError(code, description) => {
            parameters.retain(|(name, _)| !matches!(name.as_str(), "code" | "error" | "error_description"));
            parameters.push(("error".to_owned(), code.to_string()));
            parameters.push(("error_description".to_owned(), description.to_string()));
        }
        _ => {}
    }
}
