-- title       = "S3 traffic of a processing job did not take the S3 gateway endpoint"
-- severity    = "medium"
-- mitre       = []
-- description = """
-- Accepted traffic between a job's interface and public S3 addresses that went another way than the VPC's gateway
-- endpoint: past the endpoint policy, and through a NAT gateway at a price for each GB. How sure that is, is the
-- confidence: proven by next_hop_interface_type, strong by traffic_path, inferred by routes, regions or the record
-- of a NAT gateway. Traffic whose path is not known is never reported. A bucket in another region
-- cannot be reached through the endpoint and is reported as low.
-- """
-- remediation = "associate the S3 gateway endpoint with the route tables of the job's subnets"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["ACCEPT"]
-- improves    = ["next_hop_interface_type", "traffic_path", "pkt_dst_aws_service", "bytes", "pkt_srcaddr", "pkt_dstaddr"]
-- strong      = ["traffic_path"]
-- proven      = ["next_hop_interface_type"]
-- [params]
-- # Findings with fewer bytes, both directions together, are not reported.
-- min_bytes = 0
-- # What a NAT gateway charges for one GB (us-east-1, 2025), for the estimate in the reason.
-- nat_usd_per_gb = 0.045
WITH nat AS (
    -- What a NAT gateway logged of its client: the packet-level addresses have the S3 side as local.
    SELECT
        remote_addr AS client_addr,
        coalesce(remote_port, -1) AS client_port,
        local_addr AS s3_addr,
        coalesce(local_port, -1) AS s3_port,
        protocol,
        vpc_id,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        first_value(evidence_accepted ORDER BY first_seen, interface_id) AS evidence
    FROM peers
    WHERE eni_belongs_to IN ('nat_gateway', 'regional_nat_gateway')
        AND attribution IS NULL
        AND remote_addr IS NOT NULL
        AND local_addr IS NOT NULL
    GROUP BY remote_addr, coalesce(remote_port, -1), local_addr, coalesce(local_port, -1), protocol, vpc_id
),
s3 AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        -- A request without an answer, or with a rejected answer, belongs to blocked-service, which reports it
        -- from two records on.
        c.protocol = 6
            AND (c.opened_by IS DISTINCT FROM 'remote')
            AND c.accepted_out > 0
            AND c.accepted_in = 0
            AND (c.rejected_in > 0 OR coalesce(c.accepted_bytes_out <= 100 * c.accepted_packets, true)) AS is_failed,
        -- It decides where the job's own record does not, and names the path where that only states "another".
        n.client_addr IS NOT NULL
            AND c.s3_path <> 'cross-region'
            AND (coalesce(c.s3_evidence, 'unknown') NOT IN ('proven', 'strong') OR c.s3_path = 'other') AS has_twin,
        n.evidence AS twin_evidence
    FROM peers AS c
    LEFT JOIN nat AS n
        ON n.client_addr = c.local_addr
        AND n.client_port = coalesce(c.local_port, -1)
        AND n.s3_addr = c.remote_addr
        AND n.s3_port = coalesce(c.remote_port, -1)
        AND n.protocol = c.protocol
        -- Another VPC may use the same private addresses.
        AND n.vpc_id = c.vpc_id
        -- Both ends of an aggregation interval may be 60 s off.
        AND n.first_seen <= c.last_seen + INTERVAL '60 seconds'
        AND n.last_seen >= c.first_seen - INTERVAL '60 seconds'
    WHERE c.attribution IS NOT NULL
        AND c.s3_path IS NOT NULL
        AND c.accepted_out + c.accepted_in > 0
),
failed AS (
    SELECT job, sum(accepted_out + rejected_in) AS records FROM s3 WHERE is_failed GROUP BY job
),
judged AS (
    SELECT
        s3.*,
        s3.is_failed AND f.records >= 2 AS is_blocked,
        CASE WHEN has_twin THEN 'nat-gateway' ELSE s3_path END AS path,
        CASE
            WHEN s3_evidence = 'proven' THEN 3
            WHEN s3_evidence = 'strong' THEN 2
            WHEN s3_evidence = 'inferred' OR has_twin THEN 1
            ELSE 0
        END AS tier,
        coalesce(accepted_bytes_out, 0) + coalesce(accepted_bytes_in, 0) AS bytes
    FROM s3
    LEFT JOIN failed AS f ON f.job = s3.job
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        min(accepted_first) AS first_seen,
        max(accepted_last) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id,
        min(interface_id) AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(remote_interface_id) AS remote_interface_id,
        min(remote_scope) AS remote_scope,
        -- The path with the highest confidence represents all connections of the finding; the one with more bytes if two are equal.
        first_value(path ORDER BY tier DESC, bytes DESC, path) AS path,
        max(tier) AS tier,
        bool_or(has_twin) AS has_twin,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(accepted_out + accepted_in) AS BIGINT) AS flows,
        CAST(sum(accepted_in) AS BIGINT) AS answers,
        CAST(sum(accepted_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
        CAST(sum(bytes) AS BIGINT) AS bytes,
        first_records(evidence_accepted) AS evidence,
        first_records(twin_evidence) FILTER (WHERE has_twin) AS twin_evidence
    FROM judged
    WHERE path NOT IN ('gateway-endpoint', 'interface-endpoint', 'unknown') AND NOT coalesce(is_blocked, false)
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
)
SELECT
    CASE WHEN k.path = 'cross-region' THEN 'low' END AS severity,
    CASE k.tier WHEN 3 THEN 'proven' WHEN 2 THEN 'strong' WHEN 1 THEN 'inferred' ELSE 'weak' END AS confidence,
    concat(
        k.local_addr, ' reached S3 at ', k.remote_addr, ' ',
        CASE k.path
            WHEN 'nat-gateway' THEN 'through a NAT gateway'
            WHEN 'internet-gateway' THEN 'through the internet gateway'
            WHEN 'virtual-private-gateway' THEN 'through a virtual private gateway'
            WHEN 'peering' THEN 'through a VPC peering connection'
            WHEN 'transit-gateway' THEN 'through a transit gateway'
            WHEN 'cross-region' THEN 'in another region, where the gateway endpoint does not lead'
            WHEN 'ipv6-around-endpoint' THEN 'over IPv6, around an endpoint that is IPv4 only'
            ELSE 'by a way other than the gateway endpoint'
        END,
        CASE
            WHEN k.has_twin THEN ', which logged the same connection'
            WHEN k.tier = 3 THEN ' (next_hop_interface_type)'
            WHEN k.tier = 2 THEN ' (traffic_path)'
            WHEN k.path <> 'cross-region' THEN ' (by the route table of the subnet)'
        END,
        '; ', k.bytes, ' bytes in ', k.conversations,
        CASE WHEN k.conversations = 1 THEN ' connection' ELSE ' connections' END,
        CASE
            WHEN k.path = 'nat-gateway'
                THEN concat(', about ', round(k.bytes / 1e9 * $nat_usd_per_gb, 2), ' USD of NAT processing')
            WHEN k.path = 'internet-gateway' AND k.answers = 0 AND k.remote_addr NOT LIKE '%:%'
                THEN '; no answer came, since a job''s interface has no public IPv4 address'
        END
    ) AS reason,
    k.first_seen,
    k.last_seen,
    k.account_id,
    k.region,
    k.vpc_id,
    k.subnet_id,
    k.interface_id,
    k.job_name,
    k.job_arn,
    k.job_candidates,
    k.attribution,
    k.local_addr,
    k.remote_addr,
    k.remote_port,
    k.protocol,
    k.remote_interface_id,
    k.remote_scope,
    k.flows,
    k.packets,
    k.bytes_out,
    k.bytes_in,
    k.path,
    why_bypassed(k.vpc_id, k.subnet_id, k.region, k.remote_addr, k.path) AS cause,
    fix_bypassed(k.vpc_id, k.subnet_id, k.region, k.remote_addr, k.path) AS remediation,
    CASE
        WHEN k.twin_evidence IS NULL THEN k.evidence
        ELSE array_concat(k.evidence, k.twin_evidence)
    END AS evidence
FROM keyed AS k
WHERE k.bytes >= $min_bytes
