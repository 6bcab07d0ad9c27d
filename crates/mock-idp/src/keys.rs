//! The keys of one issuer, and signatures that a proper key ring would refuse to make.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use labgate_domain::time::Timestamp;
use labgate_token::{Algorithm, KeyError, KeyRing, SigningKey};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::client::RegisteredClient;
use crate::faults::Fault;

/// The keys of one issuer.
pub(crate) struct Keys {
    ring: KeyRing,
    current: Key,
    /// For another algorithm; made when it is first wanted.
    other: Option<SigningKey>,
}

impl Keys {
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let current = Key::generate(algorithm)?;
        Ok(Self { ring: KeyRing::new(current.signing.clone()), current, other: None })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.current.signing.algorithm()
    }

    /// A new key signs from now on; the earlier one stays in the JWK set for [`KeyRing::OVERLAP`].
    pub(crate) fn rotate(&mut self, now: Timestamp) -> Result<(), KeyError> {
        self.current = Key::generate(self.algorithm())?;
        self.ring.rotate(self.current.signing.clone(), now);
        Ok(())
    }

    pub(crate) fn jwks(&mut self, now: Timestamp) -> Value {
        self.ring.drop_retired(now);
        let mut jwks = self.ring.jwks();
        let other = self.other.as_ref().and_then(SigningKey::public_jwk);
        if let Some(keys) = jwks.get_mut("keys").and_then(Value::as_array_mut) {
            keys.extend(other);
        }
        jwks
    }

    /// Returns the claims of an ID token that a published key signed, however long ago.
    pub(crate) fn verified(&mut self, token: &str, now: Timestamp) -> Option<Map<String, Value>> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let keys: JwkSet = serde_json::from_value(self.jwks(now)).ok()?;
        let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref()?)?).ok()?;
        let mut rules = Validation::new(header.alg);
        (rules.validate_exp, rules.validate_aud) = (false, false);
        rules.required_spec_claims.clear();
        let token = jsonwebtoken::decode(token, &key, &rules).ok()?;
        token.header.typ.is_none_or(|typ| typ == "JWT").then_some(token.claims)
    }

    /// Writes claims as a JWT of this `typ`. Of the faults that concern the signature, the last decides.
    pub(crate) fn sign(
        &mut self,
        claims: &Map<String, Value>,
        typ: Option<&str>,
        client: &RegisteredClient,
        faults: &[Fault],
    ) -> Result<String, KeyError> {
        let signed_wrong = faults
            .iter()
            .rev()
            .find_map(|fault| self.sign_with_fault(claims, typ, client, fault).transpose());
        signed_wrong.unwrap_or_else(|| self.ring.signing_key().sign(typ, claims))
    }

    /// `None` for a fault that leaves the signature alone.
    fn sign_with_fault(
        &mut self,
        claims: &Map<String, Value>,
        typ: Option<&str>,
        client: &RegisteredClient,
        fault: &Fault,
    ) -> Result<Option<String>, KeyError> {
        let algorithm = self.algorithm();
        let with = |algorithm, kid: Option<&str>, key: &EncodingKey| {
            let (typ, kid) = (typ.map(str::to_owned), kid.map(str::to_owned));
            let header = Header { typ, kid, ..Header::new(algorithm) };
            jsonwebtoken::encode(&header, claims, key).map_err(|_| KeyError::Cryptography("sign"))
        };
        let by_hmac =
            |kid, key: &[u8]| with(jsonwebtoken::Algorithm::HS256, kid, &EncodingKey::from_secret(key));
        let kid = Some(self.ring.signing_key().kid());
        let signed = match fault {
            Fault::AlgNone | Fault::LogoutAlgNone => Ok(unsigned(claims, typ)),
            Fault::Hs256WithPublicKey => by_hmac(kid, self.current.public_pem.as_bytes()),
            Fault::Hs256WithSecret => by_hmac(None, client.secret.expose_secret().as_bytes()),
            Fault::WrongKey | Fault::LogoutWrongKey => {
                with(algorithm.into(), kid, &Key::generate(algorithm)?.private)
            }
            Fault::UnknownKid | Fault::LogoutUnknownKid => SigningKey::generate(algorithm)?.sign(typ, claims),
            Fault::NoKid => with(algorithm.into(), None, &self.current.private),
            Fault::LogoutWrongAlg => self.other()?.sign(typ, claims),
            _ => return Ok(None),
        };
        signed.map(Some)
    }

    /// A published key for an algorithm that the metadata does not name.
    fn other(&mut self) -> Result<&SigningKey, KeyError> {
        let other = match self.other.take() {
            Some(other) => other,
            None if self.algorithm() == Algorithm::Rs256 => SigningKey::generate(Algorithm::Es256)?,
            None => SigningKey::generate(Algorithm::Rs256)?,
        };
        Ok(self.other.insert(other))
    }
}

/// One key pair: as the ring takes it, and bare.
struct Key {
    signing: SigningKey,
    private: EncodingKey,
    public_pem: String,
}

impl Key {
    fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Cryptography("generate a key");
        let (private, public) = pair(algorithm).map_err(failed)?;
        let private = pem("PRIVATE KEY", &private);
        let read = match algorithm {
            Algorithm::EdDsa => EncodingKey::from_ed_pem(private.as_bytes()),
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(private.as_bytes()),
            Algorithm::Es256 | Algorithm::Hs256 => EncodingKey::from_ec_pem(private.as_bytes()),
        };
        Ok(Self {
            private: read.map_err(|_| KeyError::NotAPrivateKey)?,
            signing: SigningKey::from_pem(&private.into(), algorithm)?,
            public_pem: pem("PUBLIC KEY", public.as_ref()),
        })
    }
}

/// A fresh key pair in DER: PKCS#8 and `SubjectPublicKeyInfo`. There is none for HS256.
fn pair(algorithm: Algorithm) -> Result<(Vec<u8>, PublicKeyX509Der<'static>), Unspecified> {
    Ok(match algorithm {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            (pair.to_pkcs8v1()?.as_ref().to_vec(), pair.public_key().as_der()?)
        }
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate()?;
            (pair.to_pkcs8v1()?.as_ref().to_vec(), pair.public_key().as_der()?)
        }
        Algorithm::Rs256 => {
            let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
            (pair.as_der()?.as_ref().to_vec(), pair.public_key().as_der()?)
        }
        Algorithm::Hs256 => return Err(Unspecified),
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----");
    for (position, character) in BASE64_STANDARD.encode(der).chars().enumerate() {
        if position % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    format!("{text}\n-----END {label}-----\n")
}

fn unsigned(claims: &Map<String, Value>, typ: Option<&str>) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let header = match typ {
        Some(typ) => json!({ "alg": "none", "typ": typ }),
        None => json!({ "alg": "none" }),
    };
    format!("{}.{}.", part(&header), part(&Value::Object(claims.clone())))
}
