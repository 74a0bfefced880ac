-- title       = "Interfaces of two processing jobs talked to each other"
-- severity    = "medium"
-- mitre       = ["T1021"]
-- description = """
-- Traffic between an interface of one job and an interface of another one, accepted or refused. Jobs exchange data
-- through S3; a connection between two of them is an undeclared shared service, or one job reaching into another.
-- The finding is seen from the job that opened; where only the other side was logged, it comes from the other job's records.
-- An address serves one job after the other: each other job is a finding of its own.
-- Interfaces that may serve the same job are left alone: one job can be a candidate of both. An allow rule for the
-- job that opened (`to = "vpc"`, or the address) silences it. Isolated containers are judged by isolated-job-traffic.
-- """
-- remediation = "give each job a security group of its own that lets in only itself, or allow the traffic in flowq.toml"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "action", "start"]
-- actions     = ["ACCEPT", "REJECT"]
-- improves    = ["srcport", "dstport", "protocol", "tcp_flags", "flow_direction"]
WITH owners AS (
    SELECT
        interface_id,
        job_name,
        min(job_arn) AS job_arn,
        min(array_to_string(job_candidates, ',')) AS job_candidates,
        min(attribution) AS attribution,
        min(account_id) AS account_id,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id
    FROM enis
    WHERE attribution IS NOT NULL
    GROUP BY interface_id, job_name
),
sides AS (
    SELECT
        c.*,
        CASE
            WHEN opened_by IS NOT NULL THEN opened_by = 'local'
            -- The initiator is unknown: the sender, else the lower address, so that both ends give the same row.
            WHEN accepted_in + rejected_in = 0 THEN true
            WHEN accepted_out + rejected_out = 0 THEN false
            ELSE local_addr < remote_addr
        END AS is_opener,
        opened_by IS NOT NULL OR accepted_in + rejected_in = 0 OR accepted_out + rejected_out = 0 AS is_opener_known,
        o.job_arn AS owner_job_arn,
        nullif(o.job_candidates, '') AS owner_candidates,
        o.attribution AS owner_attribution,
        o.account_id AS owner_account_id,
        o.vpc_id AS owner_vpc_id,
        o.subnet_id AS owner_subnet_id
    FROM peers AS c
    LEFT JOIN owners AS o
        ON o.interface_id = c.remote_interface_id AND (o.job_name IS NOT DISTINCT FROM c.remote_job_name)
    WHERE c.attribution IS NOT NULL AND c.remote_scope = 'other-job' AND c.remote_addr IS NOT NULL
),
legs AS (
    SELECT
        *,
        CASE WHEN is_opener THEN job_name ELSE remote_job_name END AS opener_job,
        CASE WHEN is_opener THEN remote_job_name ELSE job_name END AS other_job,
        CASE WHEN is_opener THEN local_addr ELSE remote_addr END AS opener_addr,
        CASE WHEN is_opener THEN remote_addr ELSE local_addr END AS other_addr,
        CASE WHEN is_opener THEN interface_id ELSE remote_interface_id END AS opener_interface,
        CASE WHEN is_opener THEN remote_interface_id ELSE interface_id END AS other_interface,
        CASE WHEN is_opener THEN remote_port ELSE local_port END AS other_port
    FROM sides
    WHERE
        -- Both may belong to the same job.
        NOT coalesce(
            array_has_any(
                string_to_array(coalesce(job_name, job_candidates), ','),
                string_to_array(coalesce(remote_job_name, owner_candidates), ',')
            ),
            false
        )
        -- The container of an isolated job has its own detection: one cause, one finding.
        AND (network_isolation IS NOT TRUE OR eni_role = 'platform' OR NOT is_opener)
),
pairs AS (
    -- Both interfaces log a connection: the initiator's own rows are counted if there are any.
    SELECT
        opener_addr,
        other_addr,
        opener_interface,
        other_interface,
        other_port,
        protocol,
        min(coalesce(accepted_first, rejected_first)) AS first_seen,
        max(coalesce(accepted_last, rejected_last)) AS last_seen,
        bool_or(is_opener) AS has_own,
        bool_and(is_opener_known) AS is_opener_known,
        min(opener_job) AS job_name,
        coalesce(min(CASE WHEN is_opener THEN job_arn END), min(CASE WHEN NOT is_opener THEN owner_job_arn END)) AS job_arn,
        min(CASE WHEN is_opener THEN job_candidates ELSE owner_candidates END) AS job_candidates,
        min(CASE WHEN is_opener THEN attribution ELSE owner_attribution END) AS attribution,
        min(CASE WHEN is_opener THEN account_id ELSE owner_account_id END) AS account_id,
        min(region) AS region,
        min(CASE WHEN is_opener THEN vpc_id ELSE owner_vpc_id END) AS vpc_id,
        min(CASE WHEN is_opener THEN subnet_id ELSE owner_subnet_id END) AS subnet_id,
        min(coalesce(other_job, CASE WHEN is_opener THEN owner_candidates ELSE job_candidates END)) AS other_jobs,
        min(CASE WHEN is_opener THEN owner_attribution ELSE attribution END) AS other_attribution,
        sum(CASE WHEN is_opener THEN accepted_in ELSE accepted_out END) AS answers,
        sum(rejected_out + rejected_in) AS refusals,
        sum(CASE WHEN is_opener THEN records END) AS own_records,
        sum(CASE WHEN is_opener THEN accepted_packets + rejected_packets END) AS own_packets,
        sum(CASE WHEN is_opener THEN accepted_bytes_out + rejected_bytes_out END) AS own_bytes_out,
        sum(CASE WHEN is_opener THEN accepted_bytes_in + rejected_bytes_in END) AS own_bytes_in,
        sum(records) AS other_records,
        sum(accepted_packets + rejected_packets) AS other_packets,
        sum(accepted_bytes_in + rejected_bytes_in) AS other_bytes_in,
        sum(accepted_bytes_out + rejected_bytes_out) AS other_bytes_out,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM legs
    GROUP BY
        opener_addr, other_addr, opener_interface, other_interface, other_port, protocol,
        coalesce(opener_job, ''), coalesce(other_job, '')
),
keyed AS (
    SELECT
        coalesce(job_arn, job_name, opener_interface) AS job,
        opener_addr AS local_addr,
        other_addr AS remote_addr,
        other_port AS remote_port,
        protocol,
        min(first_seen) AS first_seen,
        max(last_seen) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        min(subnet_id) AS subnet_id,
        min(opener_interface) AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        min(other_interface) AS remote_interface_id,
        min(other_jobs) AS other_jobs,
        coalesce(other_jobs, other_interface) AS key,
        bool_and(is_opener_known) AS is_opener_known,
        bool_and(has_own) AS has_own,
        bool_and(attribution IN ('declared', 'exact') AND other_attribution IN ('declared', 'exact')) AS is_exact,
        sum(answers) AS answers,
        sum(refusals) AS refusals,
        CAST(sum(coalesce(own_records, other_records)) AS BIGINT) AS flows,
        CAST(sum(coalesce(own_packets, other_packets)) AS BIGINT) AS packets,
        CAST(sum(coalesce(own_bytes_out, other_bytes_in)) AS BIGINT) AS bytes_out,
        CAST(sum(coalesce(own_bytes_in, other_bytes_out)) AS BIGINT) AS bytes_in,
        first_records(evidence_accepted) AS evidence_accepted,
        first_records(evidence_rejected) AS evidence_rejected
    FROM pairs
    WHERE allowed_by(coalesce(job_name, job_candidates), other_addr, 'other-job', other_port, protocol) IS NULL
    GROUP BY
        coalesce(job_arn, job_name, opener_interface), opener_addr, other_addr, other_port, protocol,
        coalesce(other_jobs, other_interface)
)
SELECT
    CASE WHEN answers = 0 THEN 'low' END AS severity,
    CASE WHEN NOT is_opener_known OR other_jobs IS NULL THEN 'weak' WHEN is_exact THEN 'strong' ELSE 'inferred' END AS confidence,
    concat(
        local_addr,
        CASE WHEN is_opener_known THEN ' opened connections to ' ELSE ' exchanged traffic with ' END,
        remote_addr,
        CASE WHEN remote_port > 0 THEN concat(' port ', remote_port) END,
        ' (', coalesce(protocol_name(protocol), concat('protocol ', protocol)), '), an interface of ',
        CASE
            WHEN other_jobs IS NULL THEN 'another job that is not known by name'
            WHEN other_jobs LIKE '%,%' THEN concat('one of the jobs ', other_jobs)
            ELSE concat('the job ', other_jobs)
        END,
        CASE
            WHEN answers > 0 AND refusals > 0 THEN '; some was answered, some refused'
            WHEN answers > 0 THEN '; it was answered'
            WHEN refusals > 0 THEN '; it was refused'
            ELSE '; no answer was seen'
        END,
        CASE WHEN NOT is_opener_known THEN '; the records do not show which side opened it' END,
        CASE WHEN NOT has_own THEN '; only the other interface logged it' END,
        CASE attribution
            WHEN 'shared' THEN concat('; the interface may serve any of ', job_candidates)
            WHEN 'inferred' THEN '; the job is inferred: the interface may belong to another job or service'
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
    'other-job' AS remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    key,
    CASE WHEN answers > 0 THEN evidence_accepted ELSE array_concat(evidence_rejected, evidence_accepted) END AS evidence
FROM keyed
