-- The life of each interface of a job, minute by minute.
SELECT
    coalesce(r.job_name, r.job_candidates) AS job,
    r.interface_id,
    r.attribution,
    r.state,
    r.minute,
    coalesce(m.records, 0) AS records,
    coalesce(m.nodata, 0) AS nodata,
    coalesce(m.skipdata, 0) AS skipdata
FROM (
    SELECT
        *,
        arrow_cast(
            unnest(generate_series(CAST(first_seen AS BIGINT), CAST(last_seen AS BIGINT) - 60, 60)),
            'Timestamp(Second, Some("UTC"))'
        ) AS minute
    FROM interface_runs
) AS r
LEFT JOIN interface_minutes AS m
    ON m.interface_id = r.interface_id
    AND coalesce(m.job_name, m.job_candidates) = coalesce(r.job_name, r.job_candidates)
    AND m.minute = r.minute
ORDER BY job, r.interface_id, r.minute
