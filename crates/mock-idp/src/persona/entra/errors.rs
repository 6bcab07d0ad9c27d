use http::StatusCode;
use serde_json::json;

use crate::issuer::IssuerCore;
use crate::persona::{TokenAnswer, ids};
use crate::token::TokenRefusal as R;
use crate::worthless::Worthless as W;

/// An error of the token endpoint: its OAuth code, Microsoft's number, and the sentence that goes with it.
pub(super) fn answer(issuer: &IssuerCore, refusal: &R) -> TokenAnswer {
    let (error, number, sentence) = match refusal {
        R::WrongSecret => (
            "invalid_client",
            7_000_215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not \
             the client secret ID, for a secret added to the app.",
        ),
        R::UnknownClient(_) => {
            ("unauthorized_client", 700_016, "Application was not found in the directory 'Contoso'.")
        }
        R::NoCredentials(_) => (
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ),
        R::Worthless(W::UsedCode) => {
            ("invalid_grant", 54_005, "OAuth2 Authorization code was already redeemed.")
        }
        R::Worthless(W::ExpiredCode) => (
            "invalid_grant",
            70_008,
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive \
             authorization request for this user and resource.",
        ),
        R::Worthless(W::RedirectUri) => (
            "invalid_client",
            500_112,
            "The reply address does not match the reply address provided when requesting Authorization code.",
        ),
        R::Missing("code_verifier") | R::Worthless(W::Verifier) => (
            "invalid_grant",
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        ),
        _ if refusal.is_of_pkce() => ("invalid_request", 501_491, "Invalid size of Code_Verifier parameter."),
        R::Worthless(W::RevokedRefresh | W::UsedRefresh) => {
            ("invalid_grant", 50_173, "The provided grant has expired due to it being revoked.")
        }
        R::Worthless(W::ExpiredRefresh) => {
            ("invalid_grant", 700_082, "The refresh token has expired due to inactivity.")
        }
        R::Worthless(_) => {
            ("invalid_grant", 70_000, "The provided value for the input parameter 'code' is not valid.")
        }
        R::Missing(_) => ("invalid_request", 900_144, "The request body lacks a parameter."),
        R::UnsupportedGrantType(_) => {
            ("unsupported_grant_type", 70_003, "The app requested an unsupported grant type.")
        }
        R::Scope => {
            ("invalid_scope", 70_011, "The provided value for the input parameter 'scope' is not valid.")
        }
        R::Invalid(_) | R::Duplicate(_) => {
            ("invalid_request", 9_002_313, "Invalid request. Request is malformed.")
        }
        R::Server(_) => ("server_error", 90_033, "A transient error has occurred. Please try again."),
    };
    let (trace, correlation) = (ids::guid(&[&issuer.random_text()]), ids::guid(&[&issuer.random_text()]));
    let timestamp = timestamp(issuer.now().as_unix_seconds());
    let description = format!(
        "AADSTS{number}: {sentence} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}"
    );
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    TokenAnswer { status, body, challenges: false }
}

/// `2026-11-24 13:52:56Z`.
fn timestamp(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01. Counts in years that begin with March, so
/// that a leap day is the last of its year, and in eras of 400 of them.
fn date(days: i64) -> (i64, i64, i64) {
    let since_era = days + 719_468;
    let (era, day_of_era) = (since_era.div_euclid(146_097), since_era.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096).div_euclid(365);
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_a_date_and_a_time() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_399, "2000-02-28 23:59:59Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_800_000_000, "2027-01-15 08:00:00Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds), expected);
        }
    }
}
