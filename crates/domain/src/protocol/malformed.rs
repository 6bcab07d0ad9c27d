/// A value without the form that its specification demands. The error omits the value, which may be secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);

/// Lets serde's `try_from = "String"` read a type through its `parse`.
macro_rules! read_by_parsing {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = Malformed;

            fn try_from(value: String) -> Result<Self, Malformed> {
                Self::parse(&value)
            }
        }
    };
}
pub(crate) use read_by_parsing;
