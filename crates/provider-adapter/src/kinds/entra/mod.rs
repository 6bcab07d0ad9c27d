pub(crate) mod tenants;

use std::time::Duration;

use labgate_domain::protocol::{HintParameters, Issuer};

use self::tenants::{CONSUMERS, is_external_id, is_guid};
use super::hosts;
use crate::client_authentication::AssertionAudience;
use crate::derivation::{
    AUTH_URL_SETTING, DerivationError, OperatorUrls, ProviderMetadata, Role, TOKEN_URL_SETTING, document_of,
};
use crate::endpoint::Endpoint;
use crate::kind::{Kind, OpenTo, Preset, UrlForm};
use crate::quirks::{Evidence, GroupList, Offline, PersonClaims, Quirks};

const TEMPLATE: &str = ProviderMetadata::TENANT_TEMPLATE;

/// Microsoft Entra ID, version 2.0 endpoints.
///
/// It backdates its tokens by five minutes, for clients with late clocks; and it has changed its mind about
/// the form-urlencoding of the secret in a Basic header. `sub` differs between applications; `oid` is the
/// person, unique within the tenant, which the issuer names. It never says `email_verified`: where a token
/// does, another tenant's administrator may have put it there.
pub static ENTRA: Kind = BASE;

const BASE: Kind = Kind {
    name: "entra",
    by_urls: |urls| recognise(urls, Version::V2),
    by_issuer: is_entra,
    open_to: |issuer| {
        let is_open = issuer.as_str().split('/').any(|segment| [TEMPLATE, CONSUMERS].contains(&segment));
        if is_open { OpenTo::AnyTenant } else { OpenTo::Members }
    },
    issuer_hint: |urls| {
        const HINT: &str = "It has the tenant's id in it: open the \"OpenID Connect metadata document\" (App registration > Endpoints) and \
             take its member \"issuer\"";
        let host = urls.authorization().url().host_str()?;
        is_external_id(host).then(|| HINT.to_owned())
    },
    url_form: UrlForm::OwnOrIssuer(
        "kind is entra, and the two URLs are not those of one tenant of Entra (https://HOST/TENANT/oauth2/v2.0/authorize and \
         .../token): correct them, or set LAB_EXTERNAL_OIDC_ISSUER",
    ),
    hints: HintParameters { domain: Some("domain_hint"), ..HintParameters::OPENID },
    quirks: Quirks {
        offline: Offline::Scope,
        backdating: Duration::from_mins(5),
        prefers_post: true,
        assertion_audience: AssertionAudience::TokenEndpoint,
        claims: PersonClaims {
            subject: "oid",
            evidence: &[
                Evidence::Listed("verified_primary_email"),
                Evidence::DomainOwner("xms_edov"),
                Evidence::MemberOfTheTenant,
            ],
            groups: &[GroupList::Named("groups"), GroupList::Named("roles")],
            tenant: Some("tid"),
            hosted_domain: None,
        },
        has_graph: true,
        ..Quirks::NONE
    },
    meanings: include_str!("entra.tsv"),
    ..Kind::OPENID
};

/// Microsoft Entra ID, version 1.0 endpoints.
pub static ENTRA_V1: Kind = Kind {
    name: "entra-v1",
    version_of: Some("entra"),
    by_urls: |urls| recognise(urls, Version::V1),
    by_issuer: |_| false,
    issuer_hint: |_| None,
    url_form: UrlForm::Any,
    ..BASE
};

/// The warning about the endpoints of version 1.0.
const OLD_ENDPOINTS: &str = "these are Entra's old endpoints, whose tokens have no preferred_username: take the two URLs that are marked (v2) \
     under Endpoints";
/// The warning about a template in place of a tenant.
pub(crate) const ANY_TENANT: &str =
    "people of every Entra tenant can sign in at these URLs: which tenants are admitted must be configured";

/// One of Microsoft's separate clouds.
#[derive(Debug, PartialEq, Eq)]
struct Cloud {
    hosts: &'static [&'static str],
    issuer_host: &'static str,
    v1_issuer_host: &'static str,
    graph: &'static str,
}

static CLOUDS: [Cloud; 3] = [
    Cloud {
        hosts: &["login.microsoftonline.com"],
        issuer_host: "login.microsoftonline.com",
        v1_issuer_host: "sts.windows.net",
        graph: "https://graph.microsoft.com",
    },
    Cloud {
        hosts: &["login.microsoftonline.us"],
        issuer_host: "login.microsoftonline.us",
        v1_issuer_host: "sts.windows.net",
        graph: "https://graph.microsoft.us",
    },
    Cloud {
        hosts: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        issuer_host: "login.partner.microsoftonline.cn",
        v1_issuer_host: "sts.chinacloudapi.cn",
        graph: "https://microsoftgraph.chinacloudapi.cn",
    },
];

/// The origin of Microsoft Graph in the cloud of this issuer; `None` outside of Microsoft's clouds.
pub(crate) fn graph_of(issuer: &Issuer) -> Option<&'static str> {
    Some(cloud_of(issuer)?.graph)
}

fn cloud_of(issuer: &Issuer) -> Option<&'static Cloud> {
    let host = hosts::https_host(issuer)?;
    CLOUDS.iter().find(|cloud| [cloud.issuer_host, cloud.v1_issuer_host].contains(&host))
}

/// Returns whether the issuer is one of Entra ID or of its External ID.
fn is_entra(issuer: &Issuer) -> bool {
    cloud_of(issuer).is_some() || hosts::is_below(issuer, &[".ciamlogin.com"])
}

/// The place of an Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// One of Microsoft's clouds.
    Cloud(&'static Cloud),
    /// Another origin, because the operator says so: a stand-in for Entra.
    Elsewhere(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// A tenant: both of the operator's URLs are its endpoints, of the same version, in the same cloud.
///
/// An endpoint is `/TENANT/oauth2/v2.0/…`, or `/TENANT/oauth2/…` of the old version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tenant {
    place: Place,
    version: Version,
    /// A GUID, a domain name, `common`, `organizations` or `consumers`; in lower case, since case does not
    /// matter.
    name: String,
}

/// Recognises a tenant of this version. A stated kind lets Entra be at any host.
fn recognise(urls: &OperatorUrls, version: Version) -> Result<Option<Box<dyn Preset>>, DerivationError> {
    let anywhere = urls.kind == Some("entra");
    let (Some(at), Some(token)) = (
        Tenant::parse(urls.authorization(), "authorize", anywhere),
        Tenant::parse(urls.token(), "token", anywhere),
    ) else {
        return Ok(None);
    };
    if at.place != token.place || at.name != token.name {
        let shown = |at: &Tenant| {
            let origin = at.place.issuer_origin(Version::V2);
            format!("{}/{}", origin.strip_prefix("https://").unwrap_or(&origin), at.name)
        };
        return Err(DerivationError::Contradiction(format!(
            "{AUTH_URL_SETTING} is of the Entra tenant {} and {TOKEN_URL_SETTING} of {}: sign-in would fail with \
             AADSTS700005. Take both URLs from the same page (App registration > Endpoints)",
            shown(&at),
            shown(&token)
        )));
    }
    if at.version != token.version {
        return Err(DerivationError::Contradiction(format!(
            "one of {AUTH_URL_SETTING} and {TOKEN_URL_SETTING} is Entra's (v2) endpoint and the other is not. Take both \
             that are marked (v2) (App registration > Endpoints)"
        )));
    }
    let document = document_of(&urls.authorization().with_path(&at.base()));
    Ok((at.version == version).then(|| Box::new(Entra { at, document }) as Box<dyn Preset>))
}

impl Place {
    fn issuer_origin(&self, version: Version) -> String {
        match (self, version) {
            (Self::Cloud(cloud), Version::V1) => format!("https://{}", cloud.v1_issuer_host),
            (Self::Cloud(cloud), Version::V2) => format!("https://{}", cloud.issuer_host),
            (Self::Elsewhere(origin), _) => origin.clone(),
        }
    }
}

impl Tenant {
    fn parse(endpoint: &Endpoint, last: &str, anywhere: bool) -> Option<Self> {
        let url = endpoint.url();
        if url.query().is_some() {
            return None;
        }
        let host = url.host_str()?;
        let is_plain = url.scheme() != "https" || url.port().is_some();
        let place = match CLOUDS.iter().find(|cloud| cloud.hosts.contains(&host)) {
            Some(_) if is_plain => return None,
            Some(cloud) => Place::Cloud(cloud),
            None if anywhere && !is_external_id(host) => Place::Elsewhere(endpoint.origin()),
            None => return None,
        };
        let segments = endpoint.segments();
        let (name, version) = match segments.as_slice() {
            [name, "oauth2", "v2.0", end] if *end == last => (name, Version::V2),
            [name, "oauth2", end] if *end == last => (name, Version::V1),
            _ => return None,
        };
        Some(Self { place, version, name: name.to_ascii_lowercase() })
    }

    /// The path of the issuer, up to the slash that version 1.0 has at its end.
    fn base(&self) -> String {
        match self.version {
            Version::V1 => format!("/{}", self.name),
            Version::V2 => format!("/{}/v2.0", self.name),
        }
    }

    /// The tenant in the issuer: a GUID or the template; `None` where the URLs name the tenant by a domain.
    fn id(&self) -> Option<&str> {
        match self.name.as_str() {
            "common" | "organizations" => Some(TEMPLATE),
            "consumers" => Some(CONSUMERS),
            name => is_guid(name).then_some(name),
        }
    }

    fn issuer_of(&self, id: &str) -> String {
        let origin = self.place.issuer_origin(self.version);
        match self.version {
            Version::V1 => format!("{origin}/{id}/"),
            Version::V2 => format!("{origin}/{id}/v2.0"),
        }
    }

    /// The tenant for which the document's issuer stands.
    fn issued_for<'a>(&self, metadata: &'a ProviderMetadata) -> Option<&'a str> {
        let around = self.issuer_of("|");
        let (before, after) = around.split_once('|')?;
        metadata.issuer.as_str().strip_prefix(before)?.strip_suffix(after)
    }
}

struct Entra {
    at: Tenant,
    document: Endpoint,
}

impl Preset for Entra {
    fn document(&self) -> Option<Endpoint> {
        Some(self.document.clone())
    }

    fn issuer(&self) -> Option<Issuer> {
        Issuer::parse(&self.at.issuer_of(self.at.id()?)).ok()
    }

    fn check_issuer(&self, metadata: &ProviderMetadata) -> Result<(), String> {
        let expected = self.at.id();
        let issued_for = self.at.issued_for(metadata);
        if issued_for.is_some_and(|id| expected.map_or(is_guid(id), |it| it == id)) {
            Ok(())
        } else {
            Err(self.at.issuer_of(expected.unwrap_or("the tenant's GUID")))
        }
    }

    /// The tenant may appear as in the settings or, since those may have a domain name, by the issuer's GUID.
    fn other_endpoint(&self, _: &OperatorUrls, metadata: &ProviderMetadata) -> Option<Role> {
        let issued_for = self.at.issued_for(metadata);
        let is_own = |role: Role, last| {
            Tenant::parse(role.of(metadata), last, true).is_some_and(|published| {
                published.place == self.at.place
                    && published.version == self.at.version
                    && (published.name == self.at.name || Some(published.name.as_str()) == issued_for)
            })
        };
        let roles = [(Role::Authorization, "authorize"), (Role::Token, "token")];
        roles.into_iter().find(|(role, last)| !is_own(*role, last)).map(|(role, _)| role)
    }

    fn warnings(&self, _: &OperatorUrls, metadata: &ProviderMetadata) -> Vec<String> {
        let is_old = self.at.version == Version::V1;
        let warnings = [(is_old, OLD_ENDPOINTS), (metadata.has_tenant_template(), ANY_TENANT)];
        warnings.into_iter().filter(|(applies, _)| *applies).map(|(_, text)| text.to_owned()).collect()
    }

    fn open_to(&self) -> OpenTo {
        match self.at.name.as_str() {
            "common" | "organizations" | "consumers" | CONSUMERS => OpenTo::AnyTenant,
            _ => OpenTo::Members,
        }
    }
}
