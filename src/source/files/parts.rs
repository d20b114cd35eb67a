//! A long YAML list, item by item, so that no more than one item is ever held as a tree.
//!
//! Knows the one shape that kubectl writes (`items:` at the margin, each item behind a dash at the margin, `kind: List`)
//! and nothing else of YAML: whatever looks otherwise is left to the reader of whole documents.

/// The items of a text that is one such list, each as a document of its own. `None` if it is anything else.
pub fn items(text: &str) -> Option<Vec<String>> {
    let mut is_list = false;
    let mut place = Place::Before;
    let mut items: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let margin = line.bytes().next().filter(|byte| !byte.is_ascii_whitespace());
        match (place, margin) {
            // A second document, a directive, a tag or an anchor: more than a list.
            (_, Some(b'%' | b'&' | b'*' | b'!')) => return None,
            (_, _) if line.starts_with("---") && !(place == Place::Before && line.trim_end() == "---") => return None,
            (_, _) if line.starts_with("...") => return None,
            (Place::Items, Some(b'-')) => items.push(format!(" {}", line.get(1..)?)),
            (Place::Items, None | Some(b'#')) => match items.last_mut() {
                Some(item) => item.push_str(line),
                None if line.trim().is_empty() || margin.is_some() => {}
                None => return None,
            },
            (Place::Before | Place::After, Some(b'-')) if !line.starts_with("---") => return None,
            (Place::Before | Place::After | Place::Items, Some(_)) => match line.trim_end() {
                "items:" if place == Place::Before => place = Place::Items,
                "items:" => return None,
                other => {
                    is_list |= other == "kind: List";
                    if place == Place::Items {
                        place = Place::After;
                    }
                }
            },
            (Place::Before | Place::After, None) => {}
        }
    }
    (is_list && !items.is_empty()).then_some(items)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Items,
    After,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "apiVersion: v1\nitems:\n- kind: A\n  text: |\n    - no item\n\n    - nor this\n- kind: B\n  list:\n  - 1\nkind: List\nmetadata:\n  resourceVersion: \"\"\n";

    #[test]
    fn each_item_of_a_list_is_a_document_of_its_own() {
        let parts = items(LIST).unwrap();
        assert_eq!(parts.len(), 2);
        let whole: serde_json::Value = serde_saphyr::from_str(LIST).unwrap();
        for (part, item) in parts.iter().zip(whole["items"].as_array().unwrap()) {
            assert_eq!(&serde_saphyr::from_str::<serde_json::Value>(part).unwrap(), item);
        }
        let reordered = "---\nkind: List\n# saved by hand\nitems:\n# first\n- kind: A\n# second\n- kind: B\n";
        assert_eq!(items(reordered).unwrap().len(), 2);
    }

    #[test]
    fn what_is_not_one_plain_list_is_left_whole() {
        for text in [
            "kind: Certificate\nmetadata: {name: web}\n",
            "kind: CertificateList\nitems:\n- metadata: {name: web}\n",
            "kind: List\nitems: []\n",
            "kind: List\nitems:\n  - kind: A\n",
            "kind: List\nitems:\n- kind: A\n---\nkind: List\nitems:\n- kind: B\n",
            "kind: List\nitems:\n- kind: A\n...\n",
            "kind: List\nitems:\n- kind: A\nitems:\n- kind: B\n",
            "kind: List\nitems:\n- kind: A\nother:\n- kind: B\n",
            "- kind: A\n- kind: B\n",
            "",
        ] {
            assert_eq!(items(text), None, "{text}");
        }
    }
}
