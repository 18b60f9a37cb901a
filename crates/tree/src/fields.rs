//! The fields of a manifest line, and selections of them.

macro_rules! fields {
    ($($name:ident = $text:literal, $doc:literal;)*) => {
        /// A field of a manifest line, in the order of the line.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Field {
            $(#[doc = $doc] $name,)*
        }

        impl Field {
            /// All fields, in the order of the line.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

fields! {
    Path = "path", "The path from the root of the tree.";
    Type = "type", "The type, one letter.";
    Mode = "mode", "The permission bits.";
    Uid = "uid", "The owner.";
    Gid = "gid", "The group.";
    Nlink = "nlink", "The count of hard links.";
    Rdev = "rdev", "The numbers of a device.";
    Size = "size", "The length of a regular file.";
    Target = "target", "The target of a symbolic link.";
    Mtime = "mtime", "The last change of the content.";
    Ctime = "ctime", "The last change of the inode.";
    Xattrs = "xattrs", "The extended attributes.";
    Content = "content", "The hash of a regular file's content.";
}

/// A selection of fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fields(u16);

impl Fields {
    /// No field.
    pub const NONE: Self = Self(0);
    /// All fields: the digest proper.
    pub const ALL: Self = Self((1 << Field::ALL.len()) - 1);

    /// Whether `field` is selected.
    #[must_use]
    pub const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u16) != 0
    }

    /// With `field` selected.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | 1 << field as u16)
    }

    /// With `field` not selected.
    #[must_use]
    pub const fn without(self, field: Field) -> Self {
        Self(self.0 & !(1 << field as u16))
    }

    /// Reads names separated by commas, `mode,uid`; `Err` is the first that is no field's.
    ///
    /// # Errors
    /// The unknown name.
    pub fn parse(list: &str) -> Result<Self, String> {
        list.split(',').try_fold(Self::NONE, |fields, name| {
            let field = Field::ALL.iter().find(|field| field.name() == name);
            field.map(|&field| fields.with(field)).ok_or_else(|| name.to_owned())
        })
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_fields() {
        let fields = Fields::parse("mode,content").unwrap();
        assert_eq!(fields, [Field::Content, Field::Mode].into_iter().collect());
        assert!(!fields.contains(Field::Path));
        assert_eq!(Fields::parse("mode,atime"), Err("atime".to_owned()));
        let all: Fields = Field::ALL.iter().copied().collect();
        assert_eq!(all, Fields::ALL);
        assert!(!Fields::ALL.without(Field::Ctime).contains(Field::Ctime));
    }
}
