-- title       = "Instances of a job with inter-container encryption exchanged unencrypted traffic"
-- severity    = "high"
-- mitre       = ["T1040"]
-- description = """
-- A job with EnableInterContainerTrafficEncryption talks between its instances by IPsec: IKE (UDP 500, or 4500 through
-- address translation) and ESP. TCP or UDP of any other port that arrived at another instance went beside the tunnel.
-- One finding for each pair of instances, seen from the lower address. Quiet when the job does not have encryption enabled, or
-- when that is not known: DescribeProcessingJob returns it, ListProcessingJobs does not. Refused packets are
-- judged by blocked-inter-container.
-- """
-- remediation = "run the job anew and look at its interfaces; report it to AWS Support if plain traffic stays, and encrypt in the application until then"
-- requires    = ["interface_id", "srcaddr|pkt_srcaddr", "dstaddr|pkt_dstaddr", "srcport", "dstport", "action", "start"]
-- actions     = ["ACCEPT"]
-- improves    = ["protocol", "flow_direction"]
-- [params]
-- # Pairs with fewer bytes, both directions together, are not reported.
-- min_bytes = 0
WITH owners AS (
    SELECT
        job_arn,
        job_name,
        job_candidates,
        unnest(string_to_array(coalesce(job_name, job_candidates), ',')) AS name
    FROM (
        SELECT DISTINCT job_arn, job_name, job_candidates
        FROM peers
        WHERE attribution IS NOT NULL AND remote_scope = 'same-job'
    )
),
asked AS (
    -- A shared interface counts if each of its candidates has encryption enabled.
    SELECT
        coalesce(o.job_arn, '') AS job_arn,
        coalesce(o.job_name, '') AS job_name,
        coalesce(o.job_candidates, '') AS job_candidates
    FROM owners AS o
    LEFT JOIN jobs AS j
        ON j.job_name = o.name AND (o.job_arn IS NULL OR j.job_arn IS NULL OR j.job_arn = o.job_arn)
    GROUP BY o.job_arn, o.job_name, o.job_candidates
    HAVING bool_and(coalesce(j.inter_container_encryption, false))
),
sides AS (
    SELECT
        c.*,
        coalesce(c.job_arn, c.job_name, c.job_candidates) AS owner,
        c.local_addr < c.remote_addr AS is_low,
        CASE WHEN c.opened_by = 'remote' THEN c.local_port ELSE c.remote_port END AS service_port
    FROM asked AS a
    JOIN peers AS c
        ON a.job_arn = coalesce(c.job_arn, '')
        AND a.job_name = coalesce(c.job_name, '')
        AND a.job_candidates = coalesce(c.job_candidates, '')
    WHERE c.attribution IS NOT NULL
        AND c.remote_scope = 'same-job'
        AND c.remote_addr <> c.local_addr
        AND c.accepted_out + c.accepted_in > 0
        AND (
            c.protocol = 6
            OR (
                c.protocol = 17
                AND coalesce(c.local_port, -1) NOT IN (500, 4500)
                AND coalesce(c.remote_port, -1) NOT IN (500, 4500)
            )
        )
),
pairs AS (
    -- Both interfaces log the traffic: the rows of the lower one are counted if there are any.
    SELECT
        owner,
        CASE WHEN is_low THEN local_addr ELSE remote_addr END AS local_addr,
        CASE WHEN is_low THEN remote_addr ELSE local_addr END AS remote_addr,
        min(CASE WHEN is_low THEN interface_id ELSE remote_interface_id END) AS interface_id,
        min(CASE WHEN is_low THEN remote_interface_id ELSE interface_id END) AS remote_interface_id,
        min(accepted_first) AS first_seen,
        max(accepted_last) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        coalesce(min(CASE WHEN is_low THEN subnet_id END), min(subnet_id)) AS subnet_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        -- The lower confidence of both.
        CASE
            WHEN bool_or(attribution = 'shared') THEN 'shared'
            WHEN bool_or(attribution = 'inferred') THEN 'inferred'
            ELSE min(attribution)
        END AS attribution,
        sum(accepted_in) AS arrived,
        array_to_string(array_slice(array_sort(array_agg(DISTINCT service_port)), 1, 5), ', ') AS ports,
        count(DISTINCT service_port) AS port_count,
        sum(CASE WHEN is_low THEN accepted_out + accepted_in END) AS own_records,
        sum(CASE WHEN is_low THEN accepted_packets END) AS own_packets,
        sum(CASE WHEN is_low THEN accepted_bytes_out END) AS own_bytes_out,
        sum(CASE WHEN is_low THEN accepted_bytes_in END) AS own_bytes_in,
        sum(accepted_out + accepted_in) AS all_records,
        sum(accepted_packets) AS all_packets,
        sum(accepted_bytes_out) AS all_bytes_out,
        sum(accepted_bytes_in) AS all_bytes_in,
        first_records(evidence_accepted) AS evidence
    FROM sides
    GROUP BY
        owner,
        CASE WHEN is_low THEN local_addr ELSE remote_addr END,
        CASE WHEN is_low THEN remote_addr ELSE local_addr END
),
counted AS (
    SELECT
        *,
        CAST(coalesce(own_records, all_records) AS BIGINT) AS flows,
        CAST(coalesce(own_packets, all_packets) AS BIGINT) AS packets,
        CAST(coalesce(own_bytes_out, all_bytes_in) AS BIGINT) AS bytes_out,
        CAST(coalesce(own_bytes_in, all_bytes_out) AS BIGINT) AS bytes_in
    FROM pairs
    WHERE arrived > 0
)
SELECT
    CASE WHEN attribution IN ('declared', 'exact') THEN 'strong' ELSE 'inferred' END AS confidence,
    concat(
        'the job has inter-container encryption enabled, yet ', local_addr, ' and ', remote_addr,
        ' exchanged ', coalesce(bytes_out, 0) + coalesce(bytes_in, 0), ' bytes beside IKE and ESP, on ',
        CASE WHEN port_count = 1 THEN 'port ' ELSE 'ports ' END, ports,
        CASE WHEN port_count > 5 THEN concat(' and ', port_count - 5, ' more') END,
        CASE attribution
            WHEN 'shared' THEN concat('; the interfaces may serve any of ', job_candidates)
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
    remote_interface_id,
    'same-job' AS remote_scope,
    flows,
    packets,
    bytes_out,
    bytes_in,
    evidence
FROM counted
WHERE coalesce(bytes_out, 0) + coalesce(bytes_in, 0) >= $min_bytes
