use labgate_domain::protocol::HintParameters;

use crate::explain::{ANOTHER_REDIRECT_URI, ANOTHER_VERIFIER, WORN_CODE, WRONG_CREDENTIALS, meanings};
use crate::kind::Kind;
use crate::quirks::{Offline, Quirks};

/// Dex, recognised where its own examples put it.
pub static DEX: Kind = Kind {
    name: "dex",
    by_issuer: |issuer| issuer.as_str().ends_with("/dex"),
    hints: HintParameters { domain: Some("connector_id"), ..HintParameters::OPENID },
    quirks: Quirks { offline: Offline::Scope, fails_for_codes: true, ..Quirks::NONE },
    meanings: meanings! {
        RedirectUri: "Unregistered redirect_uri" =>
            "Dex compares redirect URIs as text: add exactly Labgate's callback to redirectURIs, and restart Dex.";
        "Invalid client_id" => "Dex does not know the client id: check staticClients, and restart Dex.";
        Scopes: "Unrecognized scope" =>
            "Dex refuses scopes that it does not know: take them out of the settings.";
        Scopes: "Missing required scope" =>
            "The scope openid, which Labgate always asks for, did not arrive: something on the way drops parameters.";
        "Invalid ConnectorID" => "Dex has no connector of this name: check connector_id.";
        "Invalid or expired code parameter" => WORN_CODE;
        "No PKCE flow started" =>
            "The sign-in started without PKCE: something on the way drops parameters.";
        "Expecting parameter code_verifier" =>
            "The PKCE verifier did not reach Dex: a proxy changes the body.";
        "Invalid code_verifier" => ANOTHER_VERIFIER;
        RedirectUri: "redirect_uri did not match URI from initial request" => ANOTHER_REDIRECT_URI;
        "Refresh token is invalid or has already been claimed by another client" =>
            "The refresh token was used before or is another client's: sign in again.";
        "Login error" => "Dex's connector failed: Dex's log says why.";
        "Invalid client credentials" => WRONG_CREDENTIALS;
    },
    ..Kind::OPENID
};
