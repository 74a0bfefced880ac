-- title       = "A processing job tried many ports or many addresses"
-- severity    = "medium"
-- mitre       = ["T1046"]
-- description = """
-- From one interface of a job, within a short time: many ports of one address (vertical), or one port of many addresses
-- (horizontal), nearly all refused, not answered, or given up after a few packets. Traffic between a job's own
-- instances, to S3, DNS, and answers to clients are not counted. A vertical scan has no port in its key, a horizontal
-- one no address. attempted-egress and unexpected-egress may report single tries that leave the VPC, each for where it
-- goes; this one for what they are together. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "find out what in the job's code probes the network, and let its security group out to the services that it needs only"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "srcport", "dstport", "action", "start"]
-- improves    = ["protocol", "tcp_flags", "flow_direction", "packets", "pkt_dstaddr"]
-- [params]
-- # Ports of one address that make a vertical scan.
-- min_ports = 20
-- # Addresses with the same port that make a horizontal scan.
-- min_addresses = 20
-- # Seconds within which that many have to be tried.
-- window_secs = 600
-- # A connection of at most so many packets, both directions together, counts as a try though it was answered.
-- max_packets = 6
WITH tries AS (
    -- One row for each address and port that was tried, and what came of it.
    SELECT
        coalesce(job_arn, job_name, interface_id) AS job,
        local_addr,
        remote_addr,
        remote_port,
        protocol,
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
        bool_and(opened_by IS NOT NULL) AS opened,
        sum(accepted_in) > 0 AS is_answered,
        sum(accepted_in) = 0 AND sum(rejected_out + rejected_in) > 0 AS is_refused,
        sum(accepted_in) = 0 OR sum(accepted_packets) <= $max_packets * sum(connections) AS is_try,
        sum(records) AS records,
        sum(accepted_packets + rejected_packets) AS packets,
        sum(accepted_bytes_out + rejected_bytes_out) AS bytes_out,
        sum(accepted_bytes_in + rejected_bytes_in) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM peers
    WHERE attribution IS NOT NULL
        AND protocol IN (6, 17)
        AND remote_port > 0
        AND remote_port <> 53
        AND remote_addr IS NOT NULL
        AND s3_path IS NULL
        AND coalesce(remote_scope, 'internet') NOT IN ('s3', 'same-job', 'local')
        AND (opened_by = 'local' OR (opened_by IS NULL AND accepted_in + rejected_in = 0))
        AND accepted_out + rejected_out > 0
        -- The container of an isolated job has a detection of its own: one cause, one finding.
        AND (network_isolation IS NOT TRUE OR eni_role = 'platform')
        AND allowed_by(job_name, remote_addr, remote_scope, remote_port, protocol) IS NULL
    GROUP BY coalesce(job_arn, job_name, interface_id), local_addr, remote_addr, remote_port, protocol
),
shaped AS (
    SELECT
        'vertical' AS shape,
        remote_addr AS scanned_addr,
        CAST(NULL AS INT) AS scanned_port,
        lpad(CAST(remote_port AS VARCHAR), 5, '0') AS sorted,
        CAST(remote_port AS VARCHAR) AS target,
        CAST($min_ports AS BIGINT) AS wanted,
        t.*
    FROM tries AS t
    WHERE is_try
    UNION ALL
    SELECT
        'horizontal' AS shape,
        CAST(NULL AS VARCHAR) AS scanned_addr,
        remote_port AS scanned_port,
        remote_addr AS sorted,
        remote_addr AS target,
        CAST($min_addresses AS BIGINT) AS wanted,
        t.*
    FROM tries AS t
    WHERE is_try
),
-- Tries are counted in steps of half the window, two neighbours together.
steps AS (
    SELECT
        shape, job, local_addr, scanned_addr, scanned_port, protocol,
        CAST(first_seen AS BIGINT) * 2 / CAST($window_secs AS BIGINT) AS step,
        count(*) AS tries
    FROM shaped
    GROUP BY shape, job, local_addr, scanned_addr, scanned_port, protocol, CAST(first_seen AS BIGINT) * 2 / CAST($window_secs AS BIGINT)
),
bursts AS (
    SELECT shape, job, local_addr, scanned_addr, scanned_port, protocol, max(tries) AS tries
    FROM (
        SELECT
            shape, job, local_addr, scanned_addr, scanned_port, protocol,
            sum(tries) OVER (
                PARTITION BY shape, job, local_addr, scanned_addr, scanned_port, protocol
                ORDER BY step
                RANGE BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS tries
        FROM steps
    )
    GROUP BY shape, job, local_addr, scanned_addr, scanned_port, protocol
),
keyed AS (
    SELECT
        s.shape,
        s.job,
        s.local_addr,
        s.scanned_addr AS remote_addr,
        s.scanned_port AS remote_port,
        s.protocol,
        min(s.first_seen) AS first_seen,
        max(s.last_seen) AS last_seen,
        min(s.account_id) AS account_id,
        min(s.region) AS region,
        min(s.vpc_id) AS vpc_id,
        min(s.subnet_id) AS subnet_id,
        min(s.interface_id) AS interface_id,
        min(s.job_name) AS job_name,
        min(s.job_arn) AS job_arn,
        min(s.job_candidates) AS job_candidates,
        min(s.attribution) AS attribution,
        min(CASE WHEN s.shape = 'vertical' THEN s.remote_interface_id END) AS remote_interface_id,
        CASE WHEN min(s.remote_scope) = max(s.remote_scope) THEN min(s.remote_scope) END AS remote_scope,
        count(*) AS tries,
        max(b.tries) AS burst,
        count(*) FILTER (WHERE s.is_refused) AS refused,
        count(*) FILTER (WHERE s.is_answered) AS answered,
        bool_and(s.opened) AS opened,
        array_to_string(array_slice(array_agg(s.target ORDER BY s.sorted), 1, 5), ', ') AS sample,
        CAST(sum(s.records) AS BIGINT) AS flows,
        CAST(sum(s.packets) AS BIGINT) AS packets,
        CAST(sum(s.bytes_out) AS BIGINT) AS bytes_out,
        CAST(sum(s.bytes_in) AS BIGINT) AS bytes_in,
        first_records(s.evidence_accepted) AS evidence_accepted,
        first_records(s.evidence_rejected) AS evidence_rejected
    FROM bursts AS b
    JOIN shaped AS s
        ON s.shape = b.shape
        AND s.job = b.job
        AND s.local_addr = b.local_addr
        AND s.protocol = b.protocol
        AND coalesce(s.scanned_addr, '') = coalesce(b.scanned_addr, '')
        AND coalesce(s.scanned_port, -1) = coalesce(b.scanned_port, -1)
    WHERE b.tries >= s.wanted
    GROUP BY s.shape, s.job, s.local_addr, s.scanned_addr, s.scanned_port, s.protocol
)
SELECT
    CASE
        WHEN NOT opened THEN 'weak'
        WHEN attribution IN ('declared', 'exact') THEN 'strong'
        ELSE 'inferred'
    END AS confidence,
    concat(
        local_addr,
        CASE
            WHEN shape = 'vertical' THEN concat(' tried ', tries, ' ports of ', remote_addr)
            ELSE concat(' tried port ', remote_port, ' of ', tries, ' addresses')
        END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), '), ', burst, ' of them within ',
        $window_secs, ' s: ', refused, ' refused, ', tries - refused - answered, ' not answered, ', answered,
        ' given up after a few packets; among them ', sample,
        CASE WHEN NOT opened THEN '; of some the records do not tell who opened them' END,
        CASE attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', job_candidates)
            WHEN 'inferred' THEN '; the job follows from subnet and time only'
        END
    ) AS reason,
    first_seen,
    last_seen,
    account_id,
    region,
    vpc_id,
    subnet_id,
    interface_id,
    job_name,
    job_arn,
    job_candidates,
    attribution,
    local_addr,
    remote_addr,
    remote_port,
    protocol,
    remote_interface_id,
    remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    array_concat(evidence_accepted, evidence_rejected) AS evidence
FROM keyed
