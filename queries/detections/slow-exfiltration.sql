-- title       = "A processing job sent a large volume out in small transfers"
-- severity    = "medium"
-- mitre       = ["T1030", "T1041", "T1048"]
-- description = """
-- More sent than received, for a long time, in small portions, to one address outside the VPC that no allow rule covers,
-- and much of it compared with what the job wrote to S3: results belong there. A job that wrote nothing to S3, as
-- far as the records show, is judged by the amount alone. unexpected-egress reports the same destination for where it
-- lies; this one for the amount. S3 itself is never reported here: flow logs do not show whose bucket it is.
-- Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "find out what the job sends there; close it in the egress rules of its security group, or allow it in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start", "end", "bytes"]
-- actions     = ["ACCEPT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_dstaddr", "pkt_dst_aws_service"]
-- [params]
-- # Less than this sent to one address is not reported: 20 MiB.
-- min_bytes_out = 20971520
-- # The shortest time in seconds.
-- min_secs = 3600
-- # The smallest share of what the job wrote to S3.
-- min_ratio = 0.1
-- # If a record has more than this on average, the portions are not small: 4 MiB.
-- max_record_bytes = 4194304
WITH known_vpc AS (
    SELECT vpc_id FROM vpcs WHERE cardinality(cidrs) > 0
    UNION
    SELECT vpc_id FROM subnets WHERE cardinality(cidrs) > 0
),
ranges AS (
    -- Whether the inventory distinguishes S3 and other AWS addresses from the rest of the internet.
    SELECT count(*) > 0 AS known
    FROM (
        SELECT service FROM ip_ranges
        UNION ALL
        SELECT prefix_list_id FROM prefix_lists WHERE cidr IS NOT NULL
        UNION ALL
        SELECT remote_scope FROM peers WHERE remote_scope IN ('aws', 's3')
    )
),
storage AS (
    -- What the whole job exchanged with S3, by any path.
    SELECT
        coalesce(job_arn, job_name, interface_id) AS job,
        sum(accepted_bytes_out) AS written,
        sum(accepted_bytes_in) AS read
    FROM peers
    WHERE attribution IS NOT NULL AND s3_path IS NOT NULL
    GROUP BY coalesce(job_arn, job_name, interface_id)
),
judged AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.interface_id) AS job,
        CASE c.remote_scope
            WHEN 'private' THEN v.vpc_id IS NULL
            WHEN 'internet' THEN NOT r.known
            ELSE false
        END AS is_unplaced
    FROM peers AS c
    CROSS JOIN ranges AS r
    LEFT JOIN known_vpc AS v ON v.vpc_id = c.vpc_id
    WHERE c.attribution IS NOT NULL
        AND c.accepted_out > 0
        AND (c.opened_by IS DISTINCT FROM 'remote')
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        AND c.remote_scope IN ('private', 'aws', 'internet')
        AND c.remote_addr IS NOT NULL
        AND c.s3_path IS NULL
        AND allowed_by(coalesce(c.job_name, c.job_candidates), c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
),
keyed AS (
    -- Ports are ignored: the next portion may use another one.
    SELECT
        job,
        local_addr,
        remote_addr,
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
        bool_or(coalesce(opened_by = 'local', false)) AS opened,
        bool_or(is_unplaced) AS is_unplaced,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(accepted_out) AS BIGINT) AS portions,
        CAST(sum(accepted_out + accepted_in) AS BIGINT) AS flows,
        CAST(sum(accepted_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in) AS BIGINT) AS bytes_in,
        CAST(max(accepted_last) AS BIGINT) - CAST(min(accepted_first) AS BIGINT) AS secs,
        first_records(evidence_accepted) AS evidence
    FROM judged
    GROUP BY job, local_addr, remote_addr
)
SELECT
    CASE
        WHEN NOT k.opened OR k.is_unplaced THEN NULL
        WHEN k.bytes_out >= coalesce(s.written, 0) THEN 'high'
    END AS severity,
    CASE
        WHEN NOT k.opened OR k.is_unplaced THEN 'weak'
        WHEN k.attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        k.local_addr, ' sent ', k.bytes_out, ' bytes to ', k.remote_addr, ' (',
        CASE k.remote_scope
            WHEN 'private' THEN 'a private network outside the VPC'
            WHEN 'aws' THEN 'a public AWS address'
            ELSE 'the internet'
        END,
        ') in ', k.secs / 60, ' minutes, ', k.bytes_out / k.portions, ' bytes a record, in ', k.conversations,
        CASE WHEN k.conversations = 1 THEN ' connection' ELSE ' connections' END,
        ', and received ', k.bytes_in, '; the job ',
        CASE
            WHEN coalesce(s.written, 0) = 0 THEN 'wrote nothing to S3 in these records'
            ELSE concat(
                'wrote ', s.written, ' bytes to S3, of which this is ',
                CAST(round(100.0 * k.bytes_out / s.written) AS BIGINT), ' %'
            )
        END,
        CASE WHEN s.read > 0 THEN concat(', and read ', s.read) END,
        CASE WHEN NOT k.opened THEN '; the records do not show which side opened the connections' END,
        CASE
            WHEN k.is_unplaced AND k.remote_scope = 'private'
                THEN '; the inventory lacks the CIDR blocks of the VPC, so the address may be inside it'
            WHEN k.is_unplaced
                THEN '; without ip-ranges.json or pkt_dst_aws_service it may be S3 or another AWS address'
        END,
        CASE k.attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', k.job_candidates)
            WHEN 'inferred' THEN '; the job is inferred: the interface may belong to another job or service'
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
    k.remote_interface_id,
    k.remote_scope,
    k.flows,
    k.packets,
    k.bytes_out,
    k.bytes_in,
    k.evidence
FROM keyed AS k
LEFT JOIN storage AS s ON s.job = k.job
WHERE k.bytes_out >= $min_bytes_out
    AND k.secs >= $min_secs
    AND k.bytes_out > k.bytes_in
    AND k.bytes_out <= $max_record_bytes * k.portions
    AND k.bytes_out >= CAST($min_ratio AS DOUBLE) * coalesce(s.written, 0)
