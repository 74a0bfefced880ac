-- title       = "For a part of a processing job's life its interface was not logged"
-- severity    = "low"
-- mitre       = []
-- description = """
-- Minutes without evidence: the interface existed, the job ran, and either no record was delivered for
-- longer than two aggregation intervals (an idle interface has NODATA), or AWS says that it lost records (SKIPDATA).
-- What the job did then is in no other finding. Only the time between the first and the last record of the job's
-- interfaces is judged, and not its last minutes: their records may be on the way. A job without any record is reported
-- in the coverage.
-- """
-- remediation = "flowq coverage shows the minutes; look for the missing objects (flowq status lists which failed), and at DeliverLogsErrorMessage of the flow log"
-- requires    = ["interface_id", "start"]
-- improves    = ["log_status", "end"]
-- [params]
-- # Gaps of fewer minutes are not reported; SKIPDATA always is.
-- min_minutes = 10
-- # Minutes before the job's last record that are not judged: their objects may be late.
-- settle_minutes = 10
-- # From this share of the judged minutes on the severity is medium.
-- medium_share = 0.2
WITH judged AS (
    SELECT
        *,
        coalesce(job_arn, job_name, interface_id) AS job,
        greatest(first_seen, job_first_seen) AS judged_from,
        least(last_seen, job_last_seen - CAST(concat($settle_minutes, ' minutes') AS INTERVAL)) AS judged_to
    FROM interface_runs
    WHERE job_first_seen IS NOT NULL
),
timed AS (
    SELECT *, (CAST(judged_to AS BIGINT) - CAST(judged_from AS BIGINT)) / 60 AS judged_minutes
    FROM judged
    WHERE judged_to > judged_from OR state = 'skipdata'
),
marked AS (
    SELECT
        *,
        state = 'gap' AND judged_minutes >= $min_minutes AND judged_minutes * 60 > 2 * aggregation_secs + 60 AS is_gap,
        state = 'skipdata' AS is_skipdata
    FROM timed
),
described AS (
    SELECT
        *,
        CASE
            WHEN is_gap THEN concat(
                interface_id, ' has no record for ', judged_minutes, ' minutes from ',
                to_char(judged_from, '%Y-%m-%dT%H:%MZ'), ' to ', to_char(judged_to, '%Y-%m-%dT%H:%MZ')
            )
            WHEN is_skipdata THEN concat(
                interface_id, ' lost records (SKIPDATA) in ', minutes, CASE WHEN minutes = 1 THEN ' minute' ELSE ' minutes' END,
                ' from ', to_char(first_seen, '%Y-%m-%dT%H:%MZ')
            )
        END AS hole
    FROM marked
),
summed AS (
    SELECT
        job,
        min(CASE WHEN is_gap THEN judged_from WHEN is_skipdata THEN first_seen END) AS first_seen,
        max(CASE WHEN is_gap THEN judged_to WHEN is_skipdata THEN last_seen END) AS last_seen,
        min(account_id) AS account_id,
        min(region) AS region,
        min(vpc_id) AS vpc_id,
        CASE WHEN count(DISTINCT subnet_id) FILTER (WHERE hole IS NOT NULL) = 1
            THEN min(subnet_id) FILTER (WHERE hole IS NOT NULL) END AS subnet_id,
        CASE WHEN count(DISTINCT interface_id) FILTER (WHERE hole IS NOT NULL) = 1
            THEN min(interface_id) FILTER (WHERE hole IS NOT NULL) END AS interface_id,
        min(job_name) AS job_name,
        min(job_arn) AS job_arn,
        min(job_candidates) AS job_candidates,
        min(attribution) AS attribution,
        bool_or(attribution IN ('shared', 'inferred')) AS is_shared,
        max(aggregation_secs) AS aggregation_secs,
        bool_or(aggregation_from = 'records') AS is_guessed,
        CAST(coalesce(sum(judged_minutes) FILTER (WHERE is_gap), 0) AS BIGINT) AS gap_minutes,
        CAST(coalesce(sum(minutes) FILTER (WHERE is_skipdata), 0) AS BIGINT) AS skipdata_minutes,
        CAST(coalesce(sum(judged_minutes) FILTER (WHERE judged_minutes > 0), 0) AS BIGINT) AS all_minutes,
        count(hole) AS holes,
        array_to_string(
            array_slice(array_agg(hole ORDER BY judged_from, interface_id) FILTER (WHERE hole IS NOT NULL), 1, 3), '; '
        ) AS shown
    FROM described
    GROUP BY job
)
SELECT
    CASE WHEN all_minutes > 0 AND gap_minutes >= $medium_share * all_minutes THEN 'medium' ELSE 'low' END AS severity,
    CASE WHEN is_shared OR (is_guessed AND gap_minutes > 0) THEN 'inferred' ELSE 'strong' END AS confidence,
    concat(
        shown,
        CASE WHEN holes > 3 THEN concat('; and ', holes - 3, ' more') ELSE '' END,
        CASE
            WHEN gap_minutes > 0 THEN concat(
                '; a record was due every ', aggregation_secs, ' s (',
                CASE WHEN is_guessed THEN 'by the records' ELSE 'as the flow log says' END, ')'
            )
            ELSE ''
        END
    ) AS reason,
    first_seen,
    last_seen,
    account_id, region, vpc_id, subnet_id, interface_id,
    job_name, job_arn, job_candidates, attribution,
    CASE
        WHEN gap_minutes > 0 AND skipdata_minutes > 0 THEN 'no records for a time, and records that AWS lost'
        WHEN gap_minutes > 0 THEN 'no records for a time'
        ELSE 'records that AWS lost'
    END AS cause,
    CASE
        WHEN gap_minutes = 0
            THEN 'these records cannot be recovered: check what the job did in these minutes in other logs, such as CloudTrail data events of S3'
    END AS remediation
FROM summed
WHERE holes > 0
