//! A kind of provider as one value: recognition, parameters, claims, explanations.

use std::fmt;

use labgate_domain::protocol::{HintParameters, Issuer};

use crate::derivation::{DerivationError, OperatorUrls, ProviderMetadata, Role};
use crate::endpoint::Endpoint;
use crate::explain::{self, Explanation};
use crate::quirks::Quirks;

/// The result of recognising the operator's URLs: an error if they contradict each other.
pub(crate) type Recognised<T> = Result<Option<T>, DerivationError>;

/// A kind of provider. A new one is a value of this type, with [`Kind::OPENID`] for everything that is
/// ordinary.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The value of the setting `kind`, and the name in logs.
    pub name: &'static str,
    /// The kind of which this is an older version: a setting that names either fits both.
    pub version_of: Option<&'static str>,
    /// Recognises the operator's two URLs, without a request.
    pub by_urls: fn(&OperatorUrls) -> Recognised<Box<dyn Preset>>,
    /// Recognises an issuer.
    pub by_issuer: fn(&Issuer) -> bool,
    /// Names the authorization and token endpoint of an issuer without a metadata document.
    pub endpoints: fn(&Endpoint) -> Option<[Endpoint; 2]>,
    /// Tells who can sign in at an issuer.
    pub open_to: fn(&Issuer) -> OpenTo,
    /// Tells where the operator finds the issuer when it does not follow from the URLs.
    pub issuer_hint: fn(&OperatorUrls) -> Option<String>,
    /// The demand on the URLs when the settings state this kind.
    pub url_form: UrlForm,
    /// The parameters that take hints.
    pub hints: HintParameters,
    /// The deviations from the ordinary.
    pub quirks: Quirks,
    /// The explanations of its messages, one a line; the first that fits counts. A line has three columns
    /// with tabs in between: the setting to look at (`redirect_uri`, `scopes` or `other`), the phrases
    /// with ` | ` in between, and one sentence for the operator.
    pub meanings: &'static str,
}

/// The URLs that a stated kind can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlForm {
    /// Any URLs.
    Any,
    /// Its own URLs. The text is the error for others.
    Own(&'static str),
    /// Its own URLs, or any beside a configured issuer. The text is the error for others.
    OwnOrIssuer(&'static str),
}

/// The people who can sign in at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenTo {
    /// The people of one organisation, or any that the operator knows.
    Members,
    /// Anyone; the provider verifies addresses. The text says why the operator cannot vouch for them.
    Anyone(&'static str),
    /// The people of any tenant, which the operator has to list.
    AnyTenant,
}

/// The knowledge that follows from the operator's two URLs alone.
pub trait Preset: Send + Sync {
    /// The only place of the metadata document, if it is fixed.
    fn document(&self) -> Option<Endpoint> {
        None
    }

    /// The issuer, or its template for tenants.
    fn issuer(&self) -> Option<Issuer> {
        None
    }

    /// Checks the issuer of the document at [`Preset::document`].
    ///
    /// # Errors
    /// The expected issuer.
    fn check_issuer(&self, _: &ProviderMetadata) -> Result<(), String> {
        Ok(())
    }

    /// The endpoint of a document that is not the operator's, other spellings aside.
    fn other_endpoint(&self, urls: &OperatorUrls, metadata: &ProviderMetadata) -> Option<Role> {
        let differs = |role: &Role| role.of(metadata) != role.of_operator(urls);
        [Role::Authorization, Role::Token].into_iter().find(differs)
    }

    /// Returns whether only the operator can name the issuer.
    fn needs_issuer(&self) -> bool {
        false
    }

    /// Warnings for the operator about a provider that works.
    fn warnings(&self, _: &OperatorUrls, _: &ProviderMetadata) -> Vec<String> {
        Vec::new()
    }

    /// The people who can sign in.
    fn open_to(&self) -> OpenTo {
        OpenTo::Members
    }

    /// The API of a provider without ID tokens.
    fn api(&self) -> Option<OAuthApi> {
        None
    }
}

/// A provider without metadata and ID tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthApi {
    /// The issuer in its authorization responses (RFC 9207).
    pub issuer: Issuer,
    /// The base of its API; see [`Endpoint::child`].
    pub base: Endpoint,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// A [`Preset`] without any knowledge.
#[derive(Clone, Copy, Debug)]
pub struct NoPreset;

impl Preset for NoPreset {}

/// A [`Preset`] that says only that the operator has to name the issuer.
pub(crate) struct NeedsIssuer;

impl Preset for NeedsIssuer {
    fn needs_issuer(&self) -> bool {
        true
    }
}

/// An OpenID provider of no particular kind.
pub static GENERIC: Kind = Kind::OPENID;

impl Kind {
    /// An ordinary OpenID provider.
    pub const OPENID: Self = Self {
        name: "generic",
        version_of: None,
        by_urls: |_| Ok(None),
        by_issuer: |_| false,
        endpoints: |_| None,
        open_to: |_| OpenTo::Members,
        issuer_hint: |_| None,
        url_form: UrlForm::Any,
        hints: HintParameters::OPENID,
        quirks: Quirks::NONE,
        meanings: "",
    };

    /// Explains a message of such a provider: an error code, a description, a page, or all of these.
    #[must_use]
    pub fn explain(&self, text: &str) -> Option<Explanation> {
        explain::explain(self.meanings, text)
    }

    /// Returns whether a setting that states this kind fits a provider that is found to be the other.
    pub(crate) fn fits(&self, found: &Self) -> bool {
        self == found || self.version_of == Some(found.name) || found.version_of == Some(self.name)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}

/// A list of kinds; the first that recognises a provider counts.
#[derive(Clone, Copy, Debug)]
pub struct Kinds(&'static [&'static Kind]);

impl Kinds {
    /// A list of kinds, to which [`GENERIC`] belongs in any case.
    #[must_use]
    pub const fn new(kinds: &'static [&'static Kind]) -> Self {
        Self(kinds)
    }

    /// All kinds.
    pub fn iter(self) -> impl Iterator<Item = &'static Kind> {
        self.0.iter().copied().chain([&GENERIC])
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(self, name: &str) -> Option<&'static Kind> {
        self.iter().find(|kind| kind.name == name)
    }

    /// The kind of this issuer.
    pub(crate) fn of_issuer(self, issuer: &Issuer) -> Option<&'static Kind> {
        self.iter().find(|kind| (kind.by_issuer)(issuer))
    }

    /// The kind of these URLs and the knowledge that follows from them.
    pub(crate) fn of_urls(self, urls: &OperatorUrls) -> Recognised<(&'static Kind, Box<dyn Preset>)> {
        for kind in self.iter() {
            if let Some(preset) = (kind.by_urls)(urls)? {
                return Ok(Some((kind, preset)));
            }
        }
        Ok(None)
    }

    /// Tells where the operator finds the issuer.
    pub(crate) fn issuer_hint(self, urls: &OperatorUrls) -> String {
        const DOCUMENT: &str =
            "It is the member \"issuer\" of the provider's metadata (…/.well-known/openid-configuration)";
        self.iter().find_map(|kind| (kind.issuer_hint)(urls)).unwrap_or_else(|| DOCUMENT.to_owned())
    }
}
