//! Finds a provider's issuer from its authorization and token endpoint alone, and checks it again later.
//!
//! Trust flows only from what the operator typed: a metadata document is accepted when it names exactly the two
//! endpoints that stand in the settings, and an issuer that fits the place where the document was found. Nothing
//! that a browser or a token says takes part. A document is asked for on the origins of the settings' URLs, and, when
//! an accepted pair of endpoints names a foreign issuer, once at that issuer, which must vouch for the same pair.
//!
//! Start at [`derive()`]; a provider that needs no guessing is a preset.

mod candidates;
mod entra;
mod error;
mod metadata;
mod operator_urls;
mod preset;
mod search;
mod source;

pub(crate) use entra::{CONSUMERS, is_external_id, is_guid};
pub use error::{DerivationError, IssuerHint, NotVouched, OtherEndpoint, Tried, WhyNot};
pub use metadata::{MalformedMetadata, ProviderMetadata, Role};
pub use operator_urls::{AUTH_URL_SETTING, ISSUER_SETTING, OperatorUrls, RejectedUrl, TOKEN_URL_SETTING};
pub use preset::{ProviderKind, Warning};
pub use search::MAX_FETCHES;
pub use source::{FetchError, MetadataSource};

use labgate_domain::ForeignText;
use labgate_domain::protocol::Issuer;

use crate::endpoint::Endpoint;
use preset::Preset;
use search::Search;

/// What a provider turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made when a provider is found, and taken apart at once"
)]
pub enum Derived {
    /// It speaks OpenID Connect.
    OpenId(Discovered),
    /// It speaks OAuth 2.0 only: there is no identity token, and who signed in is asked of its API.
    OAuth2Only {
        /// [`ProviderKind::GitHub`].
        kind: ProviderKind,
        /// What its authorization responses may carry as `iss` (RFC 9207); nothing is signed in its name.
        issuer_parameter: Issuer,
        /// The base of its API; see [`Endpoint::child`].
        api: Endpoint,
        /// What the operator should know.
        warnings: Vec<Warning>,
    },
}

/// An OpenID provider whose metadata was accepted. Its issuer is pinned from here on: [`rediscover`] compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Which provider's habits to expect, judged by the operator's URLs.
    pub kind: ProviderKind,
    /// What it publishes. The authorization and token endpoint are the operator's.
    pub metadata: ProviderMetadata,
    /// Where the accepted document stands.
    pub document: Endpoint,
    /// What the operator should know.
    pub warnings: Vec<Warning>,
}

/// Finds out what provider the operator's URLs belong to. Makes at most [`MAX_FETCHES`] fetches, one after the other.
///
/// - A preset (Entra ID, Google, GitHub) says where the only document is, or that there is none.
/// - A configured issuer is asked for its document first, which must name that issuer byte for byte (Discovery
///   section 4.3) and both endpoints. Where it has none, or one for other endpoints (split front and back channel,
///   or a provider that publishes per policy), the candidates below may confirm it.
/// - Otherwise the document is looked for in every common ancestor directory of the two paths, the longest first.
///
/// # Errors
/// See [`DerivationError`]. When nothing was accepted and any of the places asked did not give a definite answer, the
/// error is [`DerivationError::Unavailable`]: the one document that fits may be there when it is back. A failing place
/// does not keep another one from being accepted, since that one has to pass every check by itself; and an origin
/// that could not be reached at all is not asked again in the same derivation, so that an outer host name which
/// does not answer from inside costs one timeout and not ten.
pub async fn derive(urls: &OperatorUrls, source: &dyn MetadataSource) -> Result<Derived, DerivationError> {
    let preset = Preset::recognise(urls)?;
    if let Preset::GitHub(github) = &preset {
        return Ok(github.derived());
    }
    let search = Search::new(urls, &preset, source);
    let (metadata, document) = if let Some(document) = preset.only_document(urls) {
        search.only_at(document).await?
    } else if let Some(configured) = urls.issuer() {
        search.confirm(configured).await?
    } else {
        search.among_candidates().await?
    };
    let warnings = preset.warnings(urls, &metadata);
    let metadata = metadata.with_endpoints(urls);
    let kind = match (preset.kind(), urls.kind()) {
        (ProviderKind::Generic, Some(stated)) => stated,
        (recognised, _) => recognised,
    };
    Ok(Derived::OpenId(Discovered { kind, metadata, document, warnings }))
}

/// What is known of the operator's URLs without asking anybody: a provider that publishes no metadata.
pub(crate) fn without_asking(urls: &OperatorUrls) -> Option<Derived> {
    match Preset::recognise(urls) {
        Ok(Preset::GitHub(github)) => Some(github.derived()),
        _ => None,
    }
}

/// The kind of provider that the operator's URLs tell; `None` when any could have them.
pub(crate) fn kind_of(urls: &OperatorUrls) -> Option<ProviderKind> {
    let preset = Preset::recognise(urls).ok()?;
    Some(preset.kind()).filter(|kind| *kind != ProviderKind::Generic)
}

/// The issuer, or its template, that the operator's URLs tell without asking anybody.
pub(crate) fn known_issuer(urls: &OperatorUrls) -> Option<Issuer> {
    Preset::recognise(urls).ok()?.known_issuer()
}

/// Whether people of every Entra tenant, or everybody with a personal account, can sign in at these URLs.
pub(crate) fn is_for_any_tenant(urls: &OperatorUrls) -> bool {
    matches!(Preset::recognise(urls), Ok(Preset::Entra(entra)) if entra.is_for_any_tenant())
}

/// Why what was known stays in use instead of what was just fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RediscoveryError {
    /// The document could not be had.
    #[error("the provider's metadata could not be fetched again: it {0}")]
    Fetch(#[from] FetchError),
    /// The document is not fit for use any more.
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

/// Fetches the accepted document again, with the same checks and the issuer pinned. The caller keeps `last_good` in
/// use, and raises an alarm, on any error.
///
/// A change of the issuer, the JWKS URL or an endpoint is an error; an optional endpoint may appear or go. What the
/// document says of algorithms and methods is followed.
///
/// # Errors
/// See [`RediscoveryError`].
pub async fn rediscover(
    urls: &OperatorUrls,
    last_good: &Discovered,
    source: &dyn MetadataSource,
) -> Result<Discovered, RediscoveryError> {
    let document = source.fetch(&last_good.document).await?;
    let fresh = ProviderMetadata::parse(&document, urls.hosts())?;
    let known = &last_good.metadata;
    if fresh.issuer != known.issuer {
        return Err(changed("issuer", known.issuer.as_str(), fresh.issuer.as_str()));
    }
    // These URLs were recognised when `last_good` was derived.
    let preset = Preset::recognise(urls).unwrap_or(Preset::Generic);
    if let Err(other) = preset.endpoints_fit(urls, &fresh) {
        let was = other.role.of_operator(urls);
        return Err(changed(other.role.member(), was.as_str(), other.published.as_str()));
    }
    for (member, was, now) in [
        ("jwks_uri", Some(&known.jwks_uri), Some(&fresh.jwks_uri)),
        ("userinfo_endpoint", known.userinfo_endpoint.as_ref(), fresh.userinfo_endpoint.as_ref()),
        ("end_session_endpoint", known.end_session_endpoint.as_ref(), fresh.end_session_endpoint.as_ref()),
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
