-- title       = "SageMaker created an interface that belongs to no known job"
-- severity    = "low"
-- mitre       = []
-- description = """
-- An interface that SageMaker created and that the inventory ties to no processing job, notebook or Studio domain. What it
-- sent is judged by no detection. SageMaker is known as its maker by who called CreateNetworkInterface or
-- CreateNetworkInterfacePermission, by the operator or the requester; a description alone is a weak sign, since
-- anybody may write one. Interfaces of training jobs and endpoints are found here as well: flowq knows processing jobs.
-- """
-- remediation = "describe the jobs of that time (aws sagemaker list-processing-jobs, describe-processing-job) and give the answers to --inventory; or name the job in a mapping"
WITH lives AS (
    SELECT
        e.interface_id,
        min(e.valid_from) AS valid_from,
        CASE WHEN count(*) = count(e.valid_to) THEN max(e.valid_to) END AS valid_to,
        max(e.account_id) AS account_id,
        max(e.region) AS region,
        max(e.vpc_id) AS vpc_id,
        max(e.subnet_id) AS subnet_id,
        max(e.addresses[1]) AS local_addr,
        max(array_to_string(e.security_group_ids, ', ')) AS groups,
        max(e.creator_role_arn) AS creator_role_arn,
        max(e.made_by_from) AS made_by_from,
        max(e.reason) AS why
    FROM enis AS e
    -- An interface with unknown creation is attributed record by record, and may have a job.
    WHERE e.made_by = 'sagemaker' AND e.belongs_to IS NULL AND e.created_at IS NOT NULL
    GROUP BY e.interface_id
    HAVING count(e.attribution) = 0
)
SELECT
    CASE WHEN made_by_from = 'description' THEN 'informational' END AS severity,
    CASE
        WHEN made_by_from IN ('cloudtrail', 'permission') THEN 'strong'
        WHEN made_by_from = 'description' THEN 'weak'
        ELSE 'inferred'
    END AS confidence,
    concat(
        'SageMaker created ', interface_id,
        CASE made_by_from
            WHEN 'cloudtrail' THEN ' (it called CreateNetworkInterface)'
            WHEN 'permission' THEN ' (it was granted CreateNetworkInterfacePermission)'
            WHEN 'operator' THEN ' (it is the operator)'
            WHEN 'requester' THEN ' (its session is the requester)'
            ELSE ', if its description is right,'
        END,
        CASE WHEN subnet_id IS NOT NULL THEN concat(' in ', subnet_id) ELSE '' END,
        CASE WHEN groups <> '' THEN concat(' with ', groups) ELSE '' END,
        CASE WHEN creator_role_arn IS NOT NULL THEN concat(' as ', creator_role_arn) ELSE '' END,
        CASE WHEN valid_from IS NOT NULL THEN concat(' at ', to_char(valid_from, '%Y-%m-%dT%H:%M:%SZ')) ELSE '' END,
        '; no processing job, notebook or Studio domain of the inventory fits: ', why
    ) AS reason,
    valid_from AS first_seen,
    valid_to AS last_seen,
    account_id, region, vpc_id, subnet_id, interface_id, local_addr,
    CASE
        WHEN made_by_from = 'description' THEN 'a description that names SageMaker'
        ELSE 'a deleted job, or one missing from the inventory; a training job or an endpoint; a job of another account in a shared subnet'
    END AS cause,
    CASE
        WHEN valid_from IS NOT NULL AND region IS NOT NULL THEN concat(
            'aws sagemaker list-processing-jobs --region ', region,
            ' --creation-time-after ', to_char(valid_from - INTERVAL '1 hour', '%Y-%m-%dT%H:%M:%SZ'),
            ' --creation-time-before ', to_char(valid_from + INTERVAL '5 minutes', '%Y-%m-%dT%H:%M:%SZ'),
            ', describe-processing-job for each, and give the answers to --inventory; name the job in a mapping if it is known otherwise'
        )
    END AS remediation
FROM lives
