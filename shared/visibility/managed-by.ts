/** Whose an RCC or a grant is: the admin API's, or its cluster's, as a custom resource. [CRD5] */
export const MANAGERS = ["api", "cluster"] as const;
export type ManagedBy = (typeof MANAGERS)[number];
