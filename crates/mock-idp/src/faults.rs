use std::borrow::Cow;

/// The stage of a sign-in, or of the logout that ends it, at which a fault takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The metadata.
    Discovery,
    /// The keys.
    Jwks,
    /// The authorization response.
    Callback,
    /// The token response around the ID token.
    Token,
    /// The claims about the person, in the ID token and at userinfo alike.
    Identity,
    /// The userinfo response alone.
    UserInfo,
    /// The logout token.
    Logout,
    /// The redirect after a logout.
    PostLogout,
}

/// Defines the faults: variant, name, stage, effect, and a relying party's duty, where it is not the usual
/// one of the stage.
macro_rules! faults {
    ($($variant:ident $(($($argument:literal),+))? = $name:literal, $stage:ident, $effect:literal $(, $must:literal)?;)+) => {
        /// A way to misbehave. Faults can be combined.
        ///
        /// Text in the arguments of a variant goes out as it is: it may be markup, or ten kilobytes.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Fault {
            $(
                #[doc = concat!("`", $name, "`: ", $effect, ". A relying party must ", faults!(@must $stage $($must)?), ".")]
                $variant $(($(faults!(@type $argument)),+))?,
            )+
        }

        impl Fault {
            /// Every fault, those with arguments with usual ones.
            pub const ALL: &[Self] = &[$(Self::$variant $(($(Cow::Borrowed($argument)),+))?),+];

            /// The fault's stable name, in kebab-case.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)+ }
            }

            /// The effect.
            #[must_use]
            pub fn effect(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $effect,)+ }
            }

            /// A relying party's duty: this completes "A relying party must …".
            #[must_use]
            pub fn relying_party_must(&self) -> &'static str {
                match self { $(Self::$variant { .. } => faults!(@must $stage $($must)?),)+ }
            }

            pub(crate) fn stage(&self) -> Stage {
                match self { $(Self::$variant { .. } => Stage::$stage,)+ }
            }
        }
    };
    (@type $argument:literal) => { Cow<'static, str> };
    (@must $stage:ident $must:literal) => { $must };
    (@must Identity) => { "refuse the ID token" };
    (@must Callback) => { "refuse before the code is sent anywhere" };
    (@must Logout) => { "answer 400 and end nothing" };
    (@must PostLogout) => { "say that the person is signed out, and no more" };
}

faults! {
    WrongIssuer = "wrong-issuer", Identity, "`iss` names another host";
    IssuerTrailingSlash = "issuer-trailing-slash", Identity, "`iss` has a slash too many";
    MissingIssuer = "missing-issuer", Identity, "no `iss`";
    WrongAudience = "wrong-audience", Identity, "`aud` is another client";
    EmptyAudience = "empty-audience", Identity, "`aud` is an empty list";
    ExtraAudience = "extra-audience", Identity, "`aud` has a second client, and there is no `azp`",
        "refuse the ID token unless it trusts that audience";
    MissingAudience = "missing-audience", Identity, "no `aud`";
    WrongAzp = "wrong-azp", Identity, "`azp` is another client";
    WrongNonce = "wrong-nonce", Identity, "`nonce` is another one";
    MissingNonce = "missing-nonce", Identity, "no `nonce`";
    AlgNone = "alg-none", Identity, "the ID token is not signed, `alg` is `none`";
    Hs256WithPublicKey = "hs256-with-public-key", Identity, "signed by HMAC keyed with the public key as PEM";
    Hs256WithSecret = "hs256-with-secret", Identity, "signed by HMAC keyed with the client's secret",
        "refuse the ID token unless registered for HS256";
    WrongKey = "wrong-key", Identity, "signed by another key under the right `kid`";
    UnknownKid = "unknown-kid", Identity, "signed by a key that is not in the JWK set",
        "fetch the keys again, once, and then refuse the ID token";
    NoKid = "no-kid", Identity, "properly signed, but without `kid`",
        "accept the ID token if exactly one key fits, and may refuse it otherwise";
    Expired = "expired", Identity, "`exp` was an hour ago";
    FutureIat = "future-iat", Identity, "`iat` is in an hour";
    MissingIat = "missing-iat", Identity, "no `iat`";
    NbfFuture = "nbf-future", Identity, "`nbf` is in an hour";
    MissingExp = "missing-exp", Identity, "no `exp`";
    FractionalTimes = "fractional-times", Identity, "`exp`, `iat` and `auth_time` have fractions of a second",
        "accept the ID token";
    StringTimes = "string-times", Identity, "`exp` and `iat` are strings";
    MissingSub = "missing-sub", Identity, "no `sub` in the ID token";
    LongSub = "long-sub", Identity, "`sub` has 256 characters";
    UserinfoSubMismatch = "userinfo-sub-mismatch", UserInfo, "userinfo is about another person",
        "not use what userinfo says";
    BadAtHash = "bad-at-hash", Identity, "`at_hash` belongs to another access token";
    MissingEmail = "missing-email", Identity, "no e-mail address", "do without, or say so to the person";
    UnverifiedEmail = "unverified-email", Identity, "`email_verified` is `false`",
        "not take the address for the person's own";
    EmailVerifiedString = "email-verified-string", Identity, "`email_verified` is the string `\"true\"`",
        "not take it for the JSON value `true`, unless it knows the provider for this";
    EmailVerifiedAbsent = "email-verified-absent", Identity, "an address without `email_verified`",
        "not take the address for verified";
    IssuerTemplate = "issuer-template", Identity, "`iss` has the words `{tenantid}` where a tenant should be";
    TenantSwap = "tenant-swap", Identity, "`tid` and `iss` are those of another Entra tenant",
        "refuse the ID token unless it admits that tenant";
    GroupsOverage = "groups-overage", Identity, "no groups, but `_claim_names` and `_claim_sources`, which lead elsewhere",
        "ask the provider's own API for the groups, or say that they are missing, and not call what is named there";
    GroupsString = "groups-string", Identity, "`groups` is one group as a string", "take it for a list of one, or of none";
    HugeToken = "huge-token", Identity, "64 KiB more in the ID token",
        "refuse it, or hold it without overflowing a cookie or a header";
    NoIdToken = "no-id-token", Token, "a token response without an ID token", "refuse the sign-in";
    OddTokenType("DPoP") = "odd-token-type", Token, "`token_type` is not `Bearer`",
        "accept `bearer` in any case and refuse everything else";
    HtmlTokenError = "html-token-error", Token, "the token endpoint answers 502 with a page",
        "refuse the sign-in with a clear message, without passing the page on";
    TokenError500 = "token-error-500", Token,
        "the token endpoint answers 500 with `invalid_request`, as Dex does when its connector fails or refuses the person",
        "refuse the sign-in, and end a session on a refresh only if it is asked about others and answered well";
    Error200 = "error-200", Token, "the token endpoint answers 200 with an error", "see the error";
    RedirectToken = "redirect-token", Token, "the token endpoint answers 307 to `/elsewhere`", "not follow";
    TruncatedJson = "truncated-json", Token, "the token response ends in the middle", "refuse the sign-in";
    Discovery500 = "discovery-500", Discovery, "the metadata endpoint answers 500",
        "keep the last good metadata, or answer that signing in is not possible at the moment";
    DiscoveryIssuerMismatch = "discovery-issuer-mismatch", Discovery, "the metadata's `issuer` is another one",
        "stop before the authorization request";
    Jwks500 = "jwks-500", Jwks, "the JWKS endpoint answers 500",
        "keep the last good keys, or answer that signing in is not possible at the moment";
    CallbackWrongIss = "callback-wrong-iss", Callback, "`iss` of the authorization response is another issuer (a mix-up)";
    CallbackNoIss = "callback-no-iss", Callback, "the authorization response has no `iss`, though the metadata promises it";
    CallbackAlteredState = "callback-altered-state", Callback, "`state` comes back altered";
    CallbackMissingState = "callback-missing-state", Callback, "`state` does not come back";
    CallbackError("temporarily_unavailable", "<b>The mock was told to fail.</b>") = "callback-error", Callback,
        "the authorization response is an error", "say so on a page of its own, with the description escaped";
    PkceNotChecked = "pkce-not-checked", Token, "a wrong code verifier, or none, is accepted",
        "send a challenge and its verifier all the same";
    LogoutWrongKey = "logout-wrong-key", Logout, "the logout token is signed by another key under the right `kid`";
    LogoutAlgNone = "logout-alg-none", Logout, "the logout token is not signed, `alg` is `none`";
    LogoutWrongAlg = "logout-wrong-alg", Logout,
        "the logout token is signed, by a key in the JWK set, with an algorithm that the metadata does not name";
    LogoutUnknownKid = "logout-unknown-kid", Logout, "the logout token is signed by a key that is not in the JWK set",
        "fetch the keys again, once, and then answer 400 and end nothing";
    LogoutWrongIssuer = "logout-wrong-issuer", Logout, "`iss` of the logout token names another host";
    LogoutWrongAudience = "logout-wrong-audience", Logout, "`aud` of the logout token is another client";
    LogoutMissingIat = "logout-missing-iat", Logout, "no `iat` in the logout token";
    LogoutStaleIat = "logout-stale-iat", Logout, "`iat` of the logout token was an hour ago, though `exp` lies ahead";
    LogoutMissingExp = "logout-missing-exp", Logout, "no `exp` in the logout token";
    LogoutExpired = "logout-expired", Logout, "`exp` of the logout token was an hour ago";
    LogoutMissingEvents = "logout-missing-events", Logout, "no `events` in the logout token";
    LogoutOtherEvent = "logout-other-event", Logout, "`events` of the logout token has another event only";
    LogoutEventsNotAnObject = "logout-events-not-an-object", Logout, "`events` of the logout token is a list of names";
    LogoutNonce = "logout-nonce", Logout, "the logout token has a `nonce`";
    LogoutNobody = "logout-nobody", Logout, "neither `sub` nor `sid` in the logout token";
    LogoutAccessTokenType = "logout-access-token-type", Logout, "`typ` of the logout token is `at+jwt`";
    LogoutNoType = "logout-no-type", Logout, "no `typ` in the logout token's header", "accept the logout token";
    LogoutTypeJwt = "logout-type-jwt", Logout, "`typ` of the logout token is `JWT`", "accept the logout token";
    LogoutReplayedJti = "logout-replayed-jti", Logout, "`jti` is that of the client's logout token before, if there is one",
        "end nothing further";
    LogoutExtraClaims = "logout-extra-claims", Logout, "the logout token has claims that are not its own",
        "accept the logout token";
    LogoutIdToken = "logout-id-token", Logout, "an ID token in place of the logout token";
    LogoutSubOnly = "logout-sub-only", Logout, "no `sid` in the logout token", "end every session of that person";
    LogoutSidOnly = "logout-sid-only", Logout, "no `sub` in the logout token", "end the session of that `sid`";
    LogoutUnknownSid = "logout-unknown-sid", Logout, "`sid` of the logout token names no session",
        "answer 200 and end nothing";
    PostLogoutMissingState = "post-logout-missing-state", PostLogout, "`state` does not come back after a logout";
    PostLogoutOtherState = "post-logout-other-state", PostLogout, "another `state` comes back after a logout";
}

impl Fault {
    /// Takes a fault by its [`name`](Self::name). Arguments follow a colon each: `odd-token-type:mac`,
    /// `callback-error:access_denied:Ask your administrator`.
    ///
    /// # Errors
    /// When there is no such fault.
    pub fn parse(text: &str) -> Result<Self, UnknownFault> {
        let (name, arguments) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let fault = Self::ALL.iter().find(|fault| fault.name() == name);
        let owned = |argument: &str| Cow::Owned(argument.to_owned());
        match (fault, arguments) {
            (Some(fault), None) => Ok(fault.clone()),
            (Some(Self::OddTokenType(_)), Some(kind)) => Ok(Self::OddTokenType(owned(kind))),
            (Some(Self::CallbackError(..)), Some(rest)) => {
                let (code, description) = rest.split_once(':').unwrap_or((rest, ""));
                Ok(Self::CallbackError(owned(code), owned(description)))
            }
            _ => Err(UnknownFault(text.to_owned())),
        }
    }

    /// Returns true if it belongs to one sign-in, so that it can be chosen on the login page.
    pub(crate) fn is_of_a_sign_in(&self) -> bool {
        !matches!(self.stage(), Stage::Discovery | Stage::Jwks)
    }
}

/// A name that no fault has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault named {0:?}; the names are {names}", names = names())]
pub struct UnknownFault(String);

fn names() -> String {
    Fault::ALL.iter().map(Fault::name).collect::<Vec<_>>().join(", ")
}

/// The faults that an issuer has been told to show.
#[derive(Debug, Default)]
pub(crate) struct ArmedFaults(Vec<ArmedFault>);

#[derive(Debug)]
struct ArmedFault {
    fault: Fault,
    /// The remaining times; `None` is always.
    left: Option<u32>,
}

impl ArmedFaults {
    pub(crate) fn arm(&mut self, fault: Fault, times: Option<u32>) {
        self.0.push(ArmedFault { fault, left: times });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults to show at this stage now; each counts as shown once more.
    pub(crate) fn take(&mut self, stage: Stage) -> Vec<Fault> {
        let mut taken = Vec::new();
        for armed in self.0.iter_mut().filter(|armed| armed.fault.stage() == stage) {
            taken.push(armed.fault.clone());
            armed.left = armed.left.map(|left| left.saturating_sub(1));
        }
        self.0.retain(|armed| armed.left != Some(0));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_unique_kebab_case_name() {
        for (position, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(Fault::parse(fault.name()).as_ref(), Ok(fault));
            assert!(fault.name().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(Fault::ALL.iter().skip(position + 1).all(|other| other.name() != fault.name()));
        }
    }

    #[test]
    fn the_readme_counts_them() {
        let count = format!("lists {} ways", Fault::ALL.len());
        assert!(include_str!("../README.md").contains(&count), "{count}");
    }

    #[test]
    fn arguments_follow_a_colon() {
        assert_eq!(Fault::parse("odd-token-type:mac"), Ok(Fault::OddTokenType("mac".into())));
        let denied = Fault::CallbackError("access_denied".into(), "Ask: an administrator".into());
        assert_eq!(Fault::parse("callback-error:access_denied:Ask: an administrator"), Ok(denied));
        assert!(Fault::parse("expired:now").is_err());
        assert!(Fault::parse("no-such").unwrap_err().to_string().contains("wrong-nonce"));
    }

    #[test]
    fn a_fault_is_shown_as_often_as_it_was_armed_and_only_at_its_stage() {
        let mut faults = ArmedFaults::default();
        faults.arm(Fault::Expired, Some(2));
        faults.arm(Fault::WrongNonce, None);
        assert!(faults.take(Stage::Token).is_empty());
        assert_eq!(faults.take(Stage::Identity), [Fault::Expired, Fault::WrongNonce]);
        assert_eq!(faults.take(Stage::Identity), [Fault::Expired, Fault::WrongNonce]);
        assert_eq!(faults.take(Stage::Identity), [Fault::WrongNonce]);
        faults.clear();
        assert!(faults.take(Stage::Identity).is_empty());
    }
}
