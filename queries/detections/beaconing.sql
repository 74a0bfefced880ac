-- title       = "A processing job talked to one destination at regular intervals"
-- severity    = "medium"
-- mitre       = ["T1071", "T1573"]
-- description = """
-- Connections to one destination outside the VPC that are opened at regular intervals, or one connection that wakes up
-- at regular intervals, as an implant that polls for commands does. A batch job has no reason for a fixed interval.
-- A flow log cuts a steady stream into records of 60 or 600 s, which look like a rhythm. So one connection counts only
-- where several intervals without any packet lie between, and its times only where they were its own. Connections that
-- are opened anew carry the second in which they were opened. unexpected-egress reports the same destination for where
-- it lies; this one for the rhythm. Keep-alives and agents that report each few minutes are rhythms too: allow them in
-- flowq.toml. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "find out what in the job's image or dependencies connects at regular intervals; close it in the egress rules, or allow it in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start", "end"]
-- actions     = ["ACCEPT", "REJECT"]
-- aggregation_secs = 60
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction", "pkt_dstaddr"]
-- [params]
-- # The fewest connections or records that make a regular interval.
-- min_beats = 8
-- # Shortest period in seconds, for connections that are opened again.
-- min_period_secs = 30
-- # Shortest period of one connection, in aggregation intervals: all but one of them are empty.
-- min_intervals = 3
-- # Connections that begin within this many seconds of each other count as one.
-- beat_secs = 5
-- # Half of the gaps differ from the period by at most this share of it, and three of four by two and a half times that.
-- max_jitter = 0.1
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
        AND c.accepted_out + c.rejected_out > 0
        AND (c.opened_by IS DISTINCT FROM 'remote')
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (c.network_isolation IS NOT TRUE OR c.eni_role = 'platform')
        AND c.remote_scope IN ('private', 'aws', 'internet')
        AND c.remote_addr IS NOT NULL
        AND allowed_by(coalesce(c.job_name, c.job_candidates), c.remote_addr, c.remote_scope, c.remote_port, c.protocol) IS NULL
),
keyed AS (
    SELECT
        job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
        concat_ws(' ', job, local_addr, remote_addr, coalesce(remote_port, -1), coalesce(protocol, -1)) AS id,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
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
        sum(connections) >= $min_beats AS is_opened_anew,
        CASE WHEN sum(connections) >= $min_beats THEN first_starts(connection_starts) ELSE first_starts(starts) END AS starts,
        -- A record longer than 60 s shows that the aggregation interval is 600 s.
        CASE WHEN max(longest_secs) > 60 THEN 600 ELSE 60 END AS interval_secs,
        sum(accepted_in) AS answers,
        CAST(sum(connections) AS BIGINT) AS conversations,
        CAST(sum(records) AS BIGINT) AS flows,
        CAST(sum(accepted_packets + rejected_packets) AS BIGINT) AS packets,
        CAST(sum(accepted_bytes_out + rejected_bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(accepted_bytes_in + rejected_bytes_in) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM judged
    GROUP BY job, local_addr, remote_addr, remote_port, protocol
),
moments AS (
    SELECT id, CAST(unnest(starts) AS BIGINT) AS start
    FROM keyed
    WHERE cardinality(starts) >= $min_beats
),
beats AS (
    SELECT id, start
    FROM (
        SELECT id, start, start - lag(start) OVER (PARTITION BY id ORDER BY start) AS since
        FROM moments
    )
    WHERE since IS NULL OR since > $beat_secs
),
gaps AS (
    SELECT id, gap
    FROM (SELECT id, start - lag(start) OVER (PARTITION BY id ORDER BY start) AS gap FROM beats)
    WHERE gap IS NOT NULL
),
periods AS (
    SELECT id, median(gap) AS period FROM gaps GROUP BY id
),
rhythms AS (
    SELECT
        g.id,
        p.period,
        count(*) + 1 AS beats,
        median(abs(g.gap - p.period)) AS jitter,
        count(*) FILTER (WHERE abs(g.gap - p.period) <= 2.5 * CAST($max_jitter AS DOUBLE) * p.period) AS near
    FROM gaps AS g
    JOIN periods AS p ON p.id = g.id
    GROUP BY g.id, p.period
)
SELECT
    CASE
        WHEN NOT k.opened OR k.is_unplaced THEN 'weak'
        WHEN k.attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        k.local_addr,
        CASE
            WHEN k.is_opened_anew THEN concat(' opened ', k.conversations, ' connections to ')
            ELSE ' kept a connection to '
        END,
        k.remote_addr,
        CASE WHEN k.remote_port > 0 THEN concat(' port ', k.remote_port) END,
        ' (', coalesce(protocol_name(k.protocol), concat('protocol ', k.protocol)), ', ',
        CASE k.remote_scope
            WHEN 'private' THEN 'a private network outside the VPC'
            WHEN 'aws' THEN 'a public AWS address'
            ELSE 'the internet'
        END,
        CASE WHEN k.is_opened_anew THEN '), one every ' ELSE '), which woke up every ' END,
        CAST(round(r.period) AS BIGINT), ' s, give or take ', CAST(round(r.jitter) AS BIGINT), ' s, ', r.beats, ' times; ',
        CASE WHEN k.answers > 0 THEN 'it was answered' ELSE 'no answer was seen' END,
        CASE WHEN NOT k.opened THEN '; the records do not show which side opened it' END,
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
    k.remote_port,
    k.protocol,
    k.remote_interface_id,
    k.remote_scope,
    k.flows,
    k.packets,
    k.bytes_out,
    k.bytes_in,
    array_concat(k.evidence_accepted, k.evidence_rejected) AS evidence
FROM rhythms AS r
JOIN keyed AS k ON k.id = r.id
WHERE r.beats >= $min_beats
    AND r.jitter <= CAST($max_jitter AS DOUBLE) * r.period
    AND r.near * 4 >= (r.beats - 1) * 3
    AND r.period >= CASE WHEN k.is_opened_anew THEN $min_period_secs ELSE $min_intervals * k.interval_secs END
