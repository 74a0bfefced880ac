use arrow::array::{DictionaryArray, LargeStringArray, RecordBatch, StringArray};
use arrow::datatypes::Int8Type;
use arrow::util::pretty::pretty_format_batches;
use futures::{StreamExt as _, TryStreamExt as _};

use super::*;

fn session() -> SessionContext {
    let ctx = SessionContext::new();
    let s3: IpNet = "52.216.0.0/15".parse().unwrap();
    register(&ctx, Arc::new(move |ip| s3.contains(&ip).then(|| "S3".to_owned())));
    ctx
}

async fn rows(ctx: &SessionContext, sql: &str) -> Result<Vec<String>> {
    let batches: Vec<RecordBatch> =
        ctx.sql(sql).await?.execute_stream().await?.boxed().try_collect().await?;
    let text = pretty_format_batches(&batches)?.to_string();
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" ");
    Ok(text.lines().skip(3).filter(|l| l.starts_with('|')).map(cells).collect())
}

async fn value(sql: &str) -> String {
    rows(&session(), &format!("SELECT {sql}")).await.unwrap().join("\n")
}

#[tokio::test]
async fn in_cidr_compares_addresses() {
    assert_eq!(value("in_cidr('10.9.8.7', '10.0.0.0/8')").await, "true");
    assert_eq!(value("in_cidr('11.0.0.1', '10.0.0.0/8')").await, "false");
    assert_eq!(value("in_cidr('::ffff:10.9.8.7', '10.0.0.0/8')").await, "true");
    assert_eq!(value("in_cidr('10.9.8.7', '::ffff:10.0.0.0/104')").await, "true");
    assert_eq!(value("in_cidr('2001:DB8::1', '2001:db8::/32')").await, "true");
    assert_eq!(value("in_cidr('10.0.0.1', '2001:db8::/32')").await, "false");
    assert_eq!(value("in_cidr('10.0.0.1', '10.0.0.1')").await, "true");
    assert_eq!(value("in_cidr('10.0.0.1', '10.0.0.9/30')").await, "false");
    assert_eq!(value("in_cidr('10.0.0.1', '0.0.0.0/0')").await, "true");
}

#[tokio::test]
async fn what_is_no_address_is_null() {
    assert_eq!(value("in_cidr('example', '10.0.0.0/8') IS NULL").await, "true");
    assert_eq!(value("in_cidr(NULL, '10.0.0.0/8') IS NULL").await, "true");
    assert_eq!(value("in_cidr('10.0.0.1', NULL) IS NULL").await, "true");
    assert_eq!(value("ip_family('10.1') IS NULL").await, "true");
    assert_eq!(value("ip_key('-') IS NULL").await, "true");
    assert_eq!(value("protocol_name(NULL) IS NULL").await, "true");
    assert_eq!(value("protocol_name(99999999999) IS NULL").await, "true");
}

#[tokio::test]
async fn wrong_range_fails_before_any_row() {
    let ctx = session();
    for sql in [
        "SELECT in_cidr('10.0.0.1', '10.0.0.0/33')",
        "SELECT in_cidr(a, 'ten') FROM (VALUES ('10.0.0.1')) AS t(a) WHERE false",
    ] {
        let err = rows(&ctx, sql).await.unwrap_err().to_string();
        assert!(err.contains("is not a CIDR range such as 10.0.0.0/8"), "{err}");
    }
    let plan = ctx.sql("SELECT in_cidr('10.0.0.1', $range)").await.unwrap();
    let bound = plan.with_param_values(vec![("range", ScalarValue::from("10.0.0/8"))]);
    let err = bound.unwrap_err().to_string();
    assert!(err.contains("\"10.0.0/8\" is not a CIDR range"), "{err}");
}

#[tokio::test]
async fn ranges_may_come_from_a_column() {
    let sql = "SELECT in_cidr('10.0.0.1', r) FROM (VALUES ('10.0.0.0/8'), ('pl-1'), ('10.1.0.0/16')) AS t(r)";
    assert_eq!(rows(&session(), sql).await.unwrap(), ["true", "", "false"]);
}

#[tokio::test]
async fn keys_sort_and_compare_as_addresses() {
    let ctx = session();
    let from =
        "FROM (VALUES ('2001:db8::1'), ('10.0.0.10'), ('9.255.0.1'), ('10.0.0.9'), (NULL)) AS t(a)";
    let sorted = rows(&ctx, &format!("SELECT a {from} ORDER BY ip_key(a) NULLS LAST")).await;
    assert_eq!(sorted.unwrap(), ["9.255.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::1", ""]);
    let between = format!(
        "SELECT a {from} WHERE ip_key(a) BETWEEN ip_key('10.0.0.9') AND ip_key('10.0.0.11') ORDER BY a"
    );
    assert_eq!(rows(&ctx, &between).await.unwrap(), ["10.0.0.10", "10.0.0.9"]);
    assert_eq!(value("ip_key('2001:db8:0::1') = ip_key('2001:DB8::1')").await, "true");
    assert_eq!(value("ip_key('::ffff:10.0.0.1') = ip_key('10.0.0.1')").await, "true");
    let groups = format!("SELECT count(*) FROM (SELECT ip_key(a) {from} GROUP BY ip_key(a))");
    assert_eq!(rows(&ctx, &groups).await.unwrap(), ["5"]);
    let joined = format!(
        "SELECT count(*) FROM (SELECT a {from}) x JOIN (SELECT a AS b {from}) y ON ip_key(a) = ip_key(b)"
    );
    assert_eq!(rows(&ctx, &joined).await.unwrap(), ["4"]);
}

#[tokio::test]
async fn private_families_and_services() {
    for private in ["10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"] {
        assert_eq!(value(&format!("is_private('{private}')")).await, "true", "{private}");
    }
    for public in ["100.128.0.1", "172.32.0.1", "169.254.0.1", "127.0.0.1", "fe80::1", "::1"] {
        assert_eq!(value(&format!("is_private('{public}')")).await, "false", "{public}");
    }
    assert_eq!(value("ip_family('::ffff:10.0.0.1')").await, "4");
    assert_eq!(value("ip_family('fe80::1')").await, "6");
    assert_eq!(value("aws_service('52.217.3.4')").await, "S3");
    assert_eq!(value("aws_service('10.0.0.1') IS NULL").await, "true");
}

#[tokio::test]
async fn names_of_numbers() {
    assert_eq!(value("protocol_name(6)").await, "TCP");
    assert_eq!(value("protocol_name(arrow_cast(17, 'UInt8'))").await, "UDP");
    assert!(!value("tcp_flags_text(18)").await.is_empty());
    assert!(!value("traffic_path_name(7)").await.is_empty());
}

#[tokio::test]
async fn every_kind_of_text_is_taken() {
    let texts = ["10.0.0.1", "192.0.2.1"];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(texts)),
        Arc::new(LargeStringArray::from_iter_values(texts)),
        Arc::new(StringViewArray::from_iter_values(texts)),
        Arc::new(texts.into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    for column in columns {
        let ctx = session();
        let kind = column.data_type().clone();
        let batch = RecordBatch::try_from_iter([("ip", column)]).unwrap();
        let _before = ctx.register_batch("t", batch).unwrap();
        let got = rows(&ctx, "SELECT in_cidr(ip, '10.0.0.0/8') FROM t").await.unwrap();
        assert_eq!(got, ["true", "false"], "{kind}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_told() {
    let ctx = session();
    let few = rows(&ctx, "SELECT in_cidr('10.0.0.1')").await.unwrap_err().to_string();
    assert!(few.contains("in_cidr takes 2 argument(s), not 1"), "{few}");
    let kind = rows(&ctx, "SELECT ip_family(4)").await.unwrap_err().to_string();
    assert!(kind.contains("ip_family takes text, not Int64"), "{kind}");
}
