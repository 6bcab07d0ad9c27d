//! Finds a provider's issuer from its authorization and token endpoint alone, and checks it again later.
//!
//! Trust flows only from what the operator typed: a metadata document is accepted when it names exactly the
//! two endpoints that stand in the settings, and an issuer that fits the place where the document was found.
//! Nothing that a browser or a token says takes part. A document is asked for on the origins of the settings'
//! URLs, and, when an accepted pair of endpoints names a foreign issuer, once at that issuer, which must
//! vouch for the same pair.
//!
//! Start at [`derive()`]; a provider that needs no search has a [preset](crate::Preset).

mod candidates;
mod error;
mod metadata;
mod operator_urls;
mod search;
mod source;

pub use candidates::MAX_FETCHES;
pub(crate) use candidates::document_of;
pub use error::{DerivationError, NotVouched, OtherEndpoint, Tried, WhyNot};
pub use metadata::{MalformedMetadata, ProviderMetadata, Role};
pub(crate) use operator_urls::ConfiguredIssuer;
pub use operator_urls::{AUTH_URL_SETTING, ISSUER_SETTING, OperatorUrls, TOKEN_URL_SETTING};
pub use source::{FetchError, MetadataSource};

use labgate_domain::ForeignText;

use crate::endpoint::Endpoint;
use crate::ensure::ensure;
use crate::kind::{GENERIC, Kind, Kinds, NoPreset};
use search::Search;

/// An OpenID provider with accepted metadata. Its issuer is pinned from here on: [`rediscover`]
/// compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Its kind, by the operator's URLs.
    pub kind: &'static Kind,
    /// Its metadata. The authorization and token endpoint are the operator's.
    pub metadata: ProviderMetadata,
    /// The place of the accepted document.
    pub document: Endpoint,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// Finds the provider of the operator's URLs. Makes at most [`MAX_FETCHES`] fetches, one after the other.
///
/// - A preset of one of the `kinds` (Entra ID, Google, GitHub) names the only document, or that there is
///   none.
/// - A configured issuer is asked for its document first, which must name that issuer byte for byte
///   (Discovery section 4.3) and both endpoints. If it has none, or one for other endpoints (split front and
///   back channel, or a provider that publishes per policy), the candidates below may confirm it.
/// - Otherwise the document is looked for in every common ancestor directory of the two paths, the longest
///   first.
///
/// # Errors
/// See [`DerivationError`]. If nothing was accepted and any of the places asked did not give a definite
/// answer, the error is [`DerivationError::Unavailable`]: the one document that fits may be there when it is
/// back. A failing place does not keep another one from being accepted, since that one has to pass every
/// check by itself; and an origin that could not be reached at all is not asked again in the same derivation,
/// so that an outer host name which does not answer from inside costs one timeout and not ten.
pub async fn derive(
    urls: &OperatorUrls,
    kinds: Kinds,
    source: &dyn MetadataSource,
) -> Result<Discovered, DerivationError> {
    let (kind, preset) = kinds.of_urls(urls)?.unwrap_or_else(|| (&GENERIC, Box::new(NoPreset)));
    ensure(preset.api().is_none(), DerivationError::OAuth2Only)?;
    let search = Search::new(urls, kind.name, &*preset, source);
    let (metadata, document) = if let Some(document) = preset.document() {
        search.only_at(document).await?
    } else if let Some(configured) = &urls.issuer {
        search.confirm(configured).await?
    } else {
        search.among_candidates(kinds).await?
    };
    let warnings = preset.warnings(urls, &metadata);
    let metadata = metadata.with_endpoints(urls);
    let stated = urls.kind.and_then(|name| kinds.named(name)).filter(|_| *kind == GENERIC);
    Ok(Discovered { kind: stated.unwrap_or(kind), metadata, document, warnings })
}

/// The reason to keep the known metadata instead of the fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RediscoveryError {
    /// The document could not be had.
    #[error("the provider's metadata could not be fetched again: it {0}")]
    Fetch(#[from] FetchError),
    /// The document has become unusable.
    #[error("the provider's metadata cannot be used any more: {0}")]
    Malformed(#[from] MalformedMetadata),
    /// The document now names something else. Never followed: an operator who knows why restarts Labgate.
    #[error(
        "the provider's metadata has changed: its {member} was {was} and is now {now}. What was known stays in use; \
         if the change is meant, restart Labgate"
    )]
    Changed {
        /// The member of the metadata.
        member: &'static str,
        /// Its value in use.
        was: String,
        /// Its value in the document.
        now: ForeignText,
    },
}

/// Fetches the accepted document again, with the same checks and the issuer pinned. The caller keeps
/// `last_good` in use, and raises an alarm, on any error.
///
/// A change of the issuer, the JWKS URL or an endpoint is an error; an optional endpoint may appear or go.
/// The document's algorithms and methods are followed.
///
/// # Errors
/// See [`RediscoveryError`].
pub async fn rediscover(
    urls: &OperatorUrls,
    last_good: &Discovered,
    source: &dyn MetadataSource,
) -> Result<Discovered, RediscoveryError> {
    let document = source.fetch(&last_good.document).await?;
    let fresh = ProviderMetadata::parse(&document, &urls.hosts)?;
    let known = &last_good.metadata;
    if fresh.issuer != known.issuer {
        return Err(changed("issuer", known.issuer.as_str(), fresh.issuer.as_str()));
    }
    // These URLs were recognised when `last_good` was derived.
    let preset = (last_good.kind.by_urls)(urls).ok().flatten().unwrap_or_else(|| Box::new(NoPreset));
    if let Some(role) = preset.other_endpoint(urls, &fresh) {
        let (was, now) = (role.of_operator(urls), role.of(&fresh));
        return Err(changed(role.member(), was.as_str(), now.as_str()));
    }
    for (member, was, now) in [
        ("jwks_uri", Some(&known.jwks_uri), Some(&fresh.jwks_uri)),
        ("userinfo_endpoint", known.userinfo_endpoint.as_ref(), fresh.userinfo_endpoint.as_ref()),
        ("end_session_endpoint", known.end_session_endpoint.as_ref(), fresh.end_session_endpoint.as_ref()),
        (
            "pushed_authorization_request_endpoint",
            known.pushed_authorization_request_endpoint.as_ref(),
            fresh.pushed_authorization_request_endpoint.as_ref(),
        ),
        ("mtls_endpoint_aliases", known.mtls_token_endpoint.as_ref(), fresh.mtls_token_endpoint.as_ref()),
    ] {
        if let (Some(was), Some(now)) = (was, now)
            && was != now
        {
            return Err(changed(member, was.as_str(), now.as_str()));
        }
    }
    Ok(Discovered { metadata: fresh.with_endpoints(urls), ..last_good.clone() })
}

fn changed(member: &'static str, was: &str, now: &str) -> RediscoveryError {
    RediscoveryError::Changed { member, was: was.to_owned(), now: ForeignText::new(now) }
}

#[cfg(test)]
mod tests;
