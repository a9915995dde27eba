import type { AuditLogQuery, ListField } from '../types';

const POLICY: Partial<Record<ListField, string>> = { category: 'policy', target_type: 'policy' };

/** Reports whether edits of policies can be among the events of a query. */
export function canFold({ criteria = {}, exclusions = {} }: Pick<AuditLogQuery, 'criteria' | 'exclusions'>): boolean {
  return Object.entries(POLICY).every(([name, policy]) => {
    const field = name as ListField;
    const wanted = criteria[field] ?? [];
    const isWanted = wanted.length === 0 || wanted.some((value) => value === policy || value.includes('$'));
    return isWanted && !exclusions[field]?.includes(policy);
  });
}
