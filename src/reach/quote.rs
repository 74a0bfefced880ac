//! Texts of untrusted documents, made safe for what a user pastes: a shell, a Terraform file.

/// Returns a word of a shell command: itself where nothing in it means anything to a shell, else in single
/// quotes.
pub(super) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // A line break would end the command where it is shown.
    let word: String = word.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a text as a string of Terraform's language.
pub(super) fn hcl(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    // Both would begin a template.
    quoted.replace("${", "$${").replace("%{", "%%{")
}

/// Returns a text as a name of Terraform's language.
pub(super) fn name(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = text.chars().map(letter).collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("r{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_shell_word() {
        assert_eq!(shell("sg-0123"), "sg-0123");
        assert_eq!(shell("sg-1; rm -rf ~"), "'sg-1; rm -rf ~'");
        assert_eq!(shell("a'b$(c)\nd"), r"'a'\''b$(c)d'");
        assert_eq!(shell(""), "''");
    }

    #[test]
    fn nothing_breaks_out_of_a_terraform_string() {
        assert_eq!(hcl("sg-0123"), "\"sg-0123\"");
        assert_eq!(hcl("a\"b\\${c}%{d}$e"), "\"a\\\"b\\\\$${c}%%{d}$e\"");
        assert_eq!((name("sg-1/x"), name("10.0")), ("sg_1_x".to_owned(), "r10_0".to_owned()));
    }
}
