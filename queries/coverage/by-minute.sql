-- The lifetime of each interface of a job, minute by minute: minutes with records, and those between.
SELECT job, interface_id, attribution, state, minute, records, nodata, skipdata
FROM (
    SELECT
        coalesce(job_name, job_candidates) AS job,
        interface_id, attribution, state, minute, records, nodata, skipdata
    FROM interface_minutes
    WHERE minute IS NOT NULL AND coalesce(job_name, job_candidates) IS NOT NULL
    UNION ALL
    SELECT
        coalesce(job_name, job_candidates),
        interface_id,
        attribution,
        state,
        arrow_cast(
            unnest(generate_series(CAST(first_seen AS BIGINT), CAST(last_seen AS BIGINT) - 60, 60)),
            'Timestamp(Second, Some("UTC"))'
        ),
        0, 0, 0
    FROM interface_runs
    WHERE state IN ('gap', 'quiet', 'unknown')
)
ORDER BY job, interface_id, minute
