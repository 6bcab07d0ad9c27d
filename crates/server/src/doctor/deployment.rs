//! The lab as browsers see it, through its public URL and whatever stands in between.

use labgate_domain::public_url::PublicUrl;
use serde_json::Value;
use url::Url;

use super::http::Http;
use super::{Finding, Outcome};
use crate::configuration::Configuration;

const LAB: &str = "lab";

pub(super) async fn examine(configuration: &Configuration, http: &Http) -> Vec<Finding> {
    let public_url = &configuration.policy.public_url;
    let mut findings = Vec::new();
    let mut found = |step, outcome| findings.push(Finding::new(LAB, step, outcome));
    let Some(login) = at(public_url, "/login") else { return findings };
    let page = match http.get(&login, None).await {
        Ok(page) => page,
        Err(reason) => {
            found(
                "public_url",
                Outcome::bad(
                    format!("{public_url} cannot be reached from here: {reason}"),
                    "start the lab, and see whether the name leads to its proxy; if only browsers reach it, that is as it should be",
                ),
            );
            return findings;
        }
    };
    let is_ours = page.status == 200 && page.body.contains("/assets/labgate.css");
    if !is_ours {
        found(
            "public_url",
            Outcome::bad(
                format!("{login} answers {} and is not Labgate's sign-in page", page.status),
                "let the proxy pass /login, /api/auth and /assets on to Labgate, with their paths unchanged",
            ),
        );
        return findings;
    }
    found("public_url", Outcome::good(format!("{public_url} leads to Labgate")));
    found("settings", same_settings(configuration, http).await);
    found("cookie", cookie(public_url, &login, &page.cookies, http).await);
    found("headers", headers(configuration));
    findings
}

/// Whether the lab that answers has the providers of this configuration: the file may be another one's.
async fn same_settings(configuration: &Configuration, http: &Http) -> Outcome {
    let Some(url) = at(&configuration.policy.public_url, "/api/auth/oidc/enabled") else {
        return Outcome::unknown("");
    };
    let answer = http.get(&url, None).await.ok();
    let stated: Option<Value> = answer.and_then(|answer| serde_json::from_str(&answer.body).ok());
    let ids = |value: &Value| -> Option<Vec<String>> {
        let providers = value.get("providers")?.as_array()?.iter();
        providers.map(|provider| Some(provider.get("id")?.as_str()?.to_owned())).collect()
    };
    let ours: Vec<String> =
        configuration.providers.iter().map(|settings| settings.description.id.as_str().to_owned()).collect();
    match stated.as_ref().and_then(ids) {
        Some(theirs) if theirs == ours => Outcome::good("the running lab has these providers"),
        Some(theirs) => Outcome::bad(
            format!(
                "the running lab has the providers [{}], these settings [{}]",
                theirs.join(", "),
                ours.join(", ")
            ),
            "restart the lab with these settings, or run the doctor with the lab's",
        ),
        None => Outcome::unknown("the running lab does not say which providers it has"),
    }
}

/// Whether a cookie that the lab sets comes back to it.
async fn cookie(public_url: &PublicUrl, login: &Url, cookies: &[String], http: &Http) -> Outcome {
    let form = cookies
        .iter()
        .find(|cookie| cookie.split('=').next().is_some_and(|name| name.ends_with("labgate-form")));
    let Some(form) = form else {
        return Outcome::bad(
            "the sign-in page comes without its cookie",
            "let the proxy hand on Set-Cookie of Labgate's answers",
        );
    };
    if public_url.is_secure() != form.contains("; Secure") {
        return Outcome::bad(
            "the cookie does not fit the public URL",
            "something in between rewrites cookies, or the running lab has another public_url",
        );
    }
    let pair = form.split(';').next().unwrap_or_default();
    match http.get(login, Some(pair)).await {
        // A lab that gets its cookie sets no other one.
        Ok(page) if page.cookies.is_empty() => Outcome::good("comes back"),
        Ok(_) => Outcome::bad(
            "a cookie that the lab sets does not come back to it",
            "let the proxy hand on the header Cookie; with several replicas, all need the same public_url",
        ),
        Err(reason) => Outcome::unknown(format!("the second request was not answered: {reason}")),
    }
}

/// What can be said from the settings: the lab believes nobody about where a request comes from whom they do not name.
fn headers(configuration: &Configuration) -> Outcome {
    let behind_a_proxy = !configuration.listen.ip().is_loopback() || {
        let port = Url::parse(configuration.policy.public_url.origin())
            .ok()
            .and_then(|url| url.port_or_known_default());
        port != Some(configuration.listen.port())
    };
    if behind_a_proxy && configuration.trusted_proxies.is_empty() {
        Outcome::bad(
            "the public URL is not the address that Labgate listens on, and no proxy is trusted: where people come from is \
             not known, so guessing is slowed down per account only",
            "name the proxy: LABGATE_TRUSTED_PROXIES. Identity headers that clients send are never believed, whatever is set",
        )
    } else {
        Outcome::good(
            "X-Forwarded-For counts from the named proxies only; identity headers that clients send never do",
        )
    }
}

fn at(public_url: &PublicUrl, path: &str) -> Option<Url> {
    Url::parse(&format!("{}{path}", public_url.origin())).ok()
}
