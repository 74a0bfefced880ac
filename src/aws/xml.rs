//! XML responses of the query protocol as the JSON that the AWS CLI prints for them.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The deepest that elements may nest; no response of EC2 comes near.
const DEPTH_MAX: usize = 32;

/// Elements whose JSON name follows no rule.
const NAMES: &[(&str, &str)] = &[
    ("securityGroupInfo", "SecurityGroups"),
    ("groups", "UserIdGroupPairs"),
    ("entrySet", "Entries"),
    ("dnsEntrySet", "DnsEntries"),
    ("cidrBlockAssociationSet", "CidrBlockAssociationSet"),
    ("ipv6CidrBlockAssociationSet", "Ipv6CidrBlockAssociationSet"),
];

/// Lists whose names do not end in `Set`: without entries they look like any empty element.
const LISTS: &[&str] = &[
    "securityGroupInfo",
    "groups",
    "ipPermissions",
    "ipPermissionsEgress",
    "ipRanges",
    "ipv6Ranges",
    "prefixListIds",
];

/// Keys of booleans, among those that are read. XML has only text, and a description may be "true".
const BOOLEANS: &[&str] =
    &["Primary", "Main", "Egress", "Value", "PrivateDnsEnabled", "MapPublicIpOnLaunch"];

/// Keys of numbers, among those that are read.
const NUMBERS: &[&str] = &[
    "FromPort",
    "ToPort",
    "From",
    "To",
    "RuleNumber",
    "AvailableIpAddressCount",
    "MaxAggregationInterval",
];

/// An element that is not closed yet.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    items: Vec<Value>,
    entries: Map<String, Value>,
}

impl Element {
    /// Returns its value; `None` when it is empty, which means the same as absent.
    fn close(self, key: &str) -> Value {
        if !self.items.is_empty() {
            Value::Array(self.items)
        } else if !self.entries.is_empty() {
            Value::Object(self.entries)
        } else if !self.text.trim().is_empty() {
            scalar(key, self.text)
        } else if self.name.ends_with("Set") || LISTS.contains(&self.name.as_str()) {
            Value::Array(Vec::new())
        } else {
            Value::Null
        }
    }
}

/// Reads a response; the root element itself states nothing.
pub(super) fn to_json(text: &str) -> Result<Map<String, Value>, String> {
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().map_err(|err| err.to_string())? {
            Event::Start(start) => {
                if stack.len() == DEPTH_MAX {
                    return Err(format!("elements nest more than {DEPTH_MAX} deep"));
                }
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                stack.push(Element { name, ..Element::default() });
            }
            Event::Empty(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                if let Some(parent) = stack.last_mut() {
                    add(parent, Element { name, ..Element::default() });
                }
            }
            Event::Text(part) => push(&mut stack, &part.decode().map_err(|err| err.to_string())?),
            Event::CData(part) => push(&mut stack, &part.decode().map_err(|err| err.to_string())?),
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|err| err.to_string())?;
                let number = reference.resolve_char_ref().map_err(|err| err.to_string())?;
                match (number, quick_xml::escape::resolve_xml_entity(&name)) {
                    (Some(letter), _) => push(&mut stack, letter.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => push(&mut stack, text),
                    (None, None) => return Err(format!("the entity {name} is not known")),
                }
            }
            Event::End(_) => {
                let closed = stack.pop().unwrap_or_default();
                match stack.last_mut() {
                    Some(parent) => add(parent, closed),
                    None => return Ok(closed.entries),
                }
            }
            Event::DocType(_) => return Err("it has a document type".to_owned()),
            Event::Eof => return Err("it ends inside an element".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn push(stack: &mut [Element], text: &str) {
    if let Some(open) = stack.last_mut() {
        open.text.push_str(text);
    }
}

fn add(parent: &mut Element, child: Element) {
    // EC2 has items, SNS has members.
    if matches!(child.name.as_str(), "item" | "member") {
        // The key of a list of texts is that of none of its entries.
        parent.items.push(child.close(""));
        return;
    }
    let key = key(&child.name);
    let value = child.close(&key);
    if !value.is_null() {
        parent.entries.insert(key, value);
    }
}

/// Returns the JSON key of an element: `NetworkInterfaces` of `networkInterfaceSet`.
fn key(name: &str) -> String {
    if let Some((_, key)) = NAMES.iter().find(|(element, _)| *element == name) {
        return (*key).to_owned();
    }
    let mut key = match name.strip_suffix("Set") {
        Some(plural) if plural.ends_with('s') => plural.to_owned(),
        Some(single) => format!("{single}s"),
        None => name.to_owned(),
    };
    if let Some(first) = key.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    key
}

fn scalar(key: &str, text: String) -> Value {
    if BOOLEANS.contains(&key)
        && let Ok(flag) = text.parse::<bool>()
    {
        return Value::Bool(flag);
    }
    if NUMBERS.contains(&key)
        && let Ok(number) = text.parse::<i64>()
    {
        return Value::from(number);
    }
    Value::String(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        Value::Object(to_json(text).unwrap())
    }

    #[test]
    fn an_interface_reads_as_the_cli_prints_it() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>8f4e</requestId>
  <networkInterfaceSet><item>
    <networkInterfaceId>eni-0f62</networkInterfaceId>
    <description>a &amp; b &#x3e; &lt;true&gt;</description>
    <availabilityZone>us-east-1f</availabilityZone>
    <groupSet><item><groupId>sg-1</groupId><groupName>jobs</groupName></item></groupSet>
    <attachment><instanceOwnerId>amazon-aws</instanceOwnerId><attachTime>2026-03-10T00:00:00.000Z</attachTime></attachment>
    <association/>
    <tagSet/>
    <privateIpAddressesSet>
      <item><privateIpAddress>10.0.0.5</privateIpAddress><primary>true</primary></item>
      <item><privateIpAddress>10.0.0.6</privateIpAddress><primary>false</primary></item>
    </privateIpAddressesSet>
    <ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item></ipv6AddressesSet>
  </item></networkInterfaceSet>
  <nextToken></nextToken>
</DescribeNetworkInterfacesResponse>"#;
        let want = json!({ "RequestId": "8f4e", "NetworkInterfaces": [{
            "NetworkInterfaceId": "eni-0f62",
            "Description": "a & b > <true>",
            "AvailabilityZone": "us-east-1f",
            "Groups": [{ "GroupId": "sg-1", "GroupName": "jobs" }],
            "Attachment": { "InstanceOwnerId": "amazon-aws", "AttachTime": "2026-03-10T00:00:00.000Z" },
            "TagSet": [],
            "PrivateIpAddresses": [
                { "PrivateIpAddress": "10.0.0.5", "Primary": true },
                { "PrivateIpAddress": "10.0.0.6", "Primary": false },
            ],
            "Ipv6Addresses": [{ "Ipv6Address": "2001:db8::1" }],
        }] });
        let mut want = want;
        let tags = want["NetworkInterfaces"][0].as_object_mut().unwrap().remove("TagSet").unwrap();
        want["NetworkInterfaces"][0]["Tags"] = tags;
        assert_eq!(read(text), want);
    }

    #[test]
    fn rules_and_tables_keep_their_nested_lists() {
        let text = "<R><securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions><item>\
             <ipProtocol>6</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>\
             <groups><item><groupId>sg-1</groupId><userId>1</userId></item></groups><ipRanges/>\
             <prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds>\
             </item></ipPermissions><ipPermissionsEgress/></item></securityGroupInfo></R>";
        let want = json!({ "SecurityGroups": [{
            "GroupId": "sg-1",
            "IpPermissions": [{
                "IpProtocol": "6", "FromPort": 443, "ToPort": 443,
                "UserIdGroupPairs": [{ "GroupId": "sg-1", "UserId": "1" }],
                "IpRanges": [],
                "PrefixListIds": [{ "PrefixListId": "pl-1" }],
            }],
            "IpPermissionsEgress": [],
        }] });
        assert_eq!(read(text), want);
        let text = "<R><networkAclSet><item><entrySet><item><ruleNumber>100</ruleNumber>\
             <protocol>6</protocol><egress>false</egress><portRange><from>1</from><to>2</to></portRange>\
             </item></entrySet></item></networkAclSet><natGatewaySet/></R>";
        let want = json!({
            "NetworkAcls": [{ "Entries": [{
                "RuleNumber": 100, "Protocol": "6", "Egress": false, "PortRange": { "From": 1, "To": 2 },
            }] }],
            "NatGateways": [],
        });
        assert_eq!(read(text), want);
        let text = "<R><routeTableIdSet><item>rtb-1</item></routeTableIdSet><cidrSet><item>10.0.0.0/8</item>\
             </cidrSet><enableDnsSupport><value>true</value></enableDnsSupport></R>";
        let want = json!({
            "RouteTableIds": ["rtb-1"], "Cidrs": ["10.0.0.0/8"], "EnableDnsSupport": { "Value": true },
        });
        assert_eq!(read(text), want);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        for text in ["", "<a><b></a>", "<a>&lol;</a>", "<!DOCTYPE a []><a/>", "<a><item>", &deep] {
            assert!(to_json(text).is_err(), "{text}");
        }
    }
}
