//! The authorization response (RFC 6749 section 4.1.2, RFC 9207), and how it can go wrong.

use labgate_domain::ForeignText;
use labgate_domain::protocol::AuthorizationCode;

use crate::authorization_request::Destination;
use crate::faults::Fault;
use crate::id_token::ANOTHER_ISSUER;
use crate::issuer::IssuerCore;
use crate::protocol::{Refusal, with_query};

type Parameters = Vec<(&'static str, String)>;

/// Returns the URL that brings an error to the client.
pub(crate) fn refused(issuer: &IssuerCore, to: &Destination, refusal: Refusal, faults: &[Fault]) -> String {
    let Refusal { code, description } = issuer.profile.errors.reword(refusal);
    let description = ForeignText::new(&description).as_str().to_owned();
    let parameters = vec![("error", code.as_str().to_owned()), ("error_description", description)];
    url(issuer, to, Some(code.as_str()), parameters, faults)
}

/// Returns the URL that brings a code to the client.
pub(crate) fn granted(
    issuer: &IssuerCore,
    to: &Destination,
    code: &AuthorizationCode,
    faults: &[Fault],
) -> String {
    url(issuer, to, None, vec![("code", code.as_str().to_owned())], faults)
}

fn url(
    issuer: &IssuerCore,
    to: &Destination,
    error: Option<&str>,
    mut parameters: Parameters,
    faults: &[Fault],
) -> String {
    parameters.extend(to.state.as_ref().map(|state| ("state", state.as_str().to_owned())));
    if issuer.supports("authorization_response_iss_parameter_supported") {
        parameters.push(("iss", issuer.issuer.as_str().to_owned()));
    }
    parameters.extend(issuer.behaviour.callback_parameters(issuer, error));
    for fault in faults {
        apply_fault(&mut parameters, fault);
    }
    with_query(to.redirect_uri.as_str(), parameters)
}

fn apply_fault(parameters: &mut Parameters, fault: &Fault) {
    match fault {
        Fault::CallbackWrongIss => {
            parameters.retain(|(name, _)| *name != "iss");
            parameters.push(("iss", ANOTHER_ISSUER.to_owned()));
        }
        Fault::CallbackNoIss => parameters.retain(|(name, _)| *name != "iss"),
        Fault::CallbackAlteredState => {
            for (_, state) in parameters.iter_mut().filter(|(name, _)| *name == "state") {
                let last = state.pop();
                state.push(if last == Some('A') { 'B' } else { 'A' });
            }
        }
        Fault::CallbackMissingState => parameters.retain(|(name, _)| *name != "state"),
        Fault::CallbackError(code, description) => {
            parameters.retain(|(name, _)| !matches!(*name, "code" | "error" | "error_description"));
            parameters.push(("error", code.to_string()));
            parameters.push(("error_description", description.to_string()));
        }
        _ => {}
    }
}
