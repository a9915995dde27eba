import { fakeTemplates } from '../testing/templates';
import { fillLucene } from './lucene';

const values = Array.from({ length: 1200 }, (_, index) => `user${index}`);
const list = (text: string) => text.replace('LIST', `(${values.map((value) => `"${value}"`).join(' OR ')})`);
const templates = fakeTemplates({
  actor: { value: '$__all', options: values },
  few: { value: ['$__all'], options: ['a', 'b'] },
  custom: { value: '$__all', options: ['a'], allValue: '*' },
  one: { value: 'jane' },
});

describe('a condition on a variable at All is left out', () => {
  it.each([
    ['alone', 'actor:$actor', ''],
    ['with braces and blanks', '  actor:${actor} ', ''],
    ['first', 'actor:$actor AND description:login', 'description:login'],
    ['last', 'description:login AND actor:$actor', 'description:login'],
    ['between', 'description:login && actor:[[actor]] && flagged:true', 'description:login AND flagged:true'],
    ['twice', 'actor:$actor AND actor_ip:$few', ''],
    ['beside a negation and a group', 'actor:$actor AND description:(a OR b) AND NOT flagged:true', 'description:(a OR b) AND NOT flagged:true'],
    ['beside a phrase with blanks', 'description:"logged in" AND actor:$actor', 'description:"logged in"'],
    ['beside another variable', 'actor:$actor AND actor_ip:$one', 'actor_ip:jane'],
    ['beside a range', 'actor:$actor AND create_time:[a TO b]', 'create_time:[a TO b]'],
  ])('%s', (_, text, expected) => {
    expect(fillLucene(text, templates)).toEqual({ text: expected, listed: [] });
  });
});

describe('where leaving it out could change the meaning, the listed values stay and are reported', () => {
  it.each([
    ['an alternative', 'actor:$actor OR flagged:true', 'actor:LIST OR flagged:true'],
    ['an alternative in signs', 'actor:$actor || flagged:true', 'actor:LIST || flagged:true'],
    ['a word beside it: the operator is unknown', 'actor:$actor login', 'actor:LIST login'],
    ['words without an operator elsewhere', 'actor:$actor AND log in', 'actor:LIST AND log in'],
    ['a negation of it', 'login AND NOT actor:$actor', 'login AND NOT actor:LIST'],
    ['a minus', 'login AND -actor:$actor', 'login AND -actor:LIST'],
    ['nothing left but negations', 'actor:$actor AND NOT flagged:true', 'actor:LIST AND NOT flagged:true'],
    ['a group', '(actor:$actor)', '(actor:LIST)'],
    ['a bare variable', '$actor', 'LIST'],
    ['a boost', 'actor:$actor^2', 'actor:LIST^2'],
    ['an unclosed group', 'actor:$actor AND (a', 'actor:LIST AND (a'],
    ['lower-case and, which is a word', 'actor:$actor and a', 'actor:LIST and a'],
  ])('%s', (_, text, expected) => {
    expect(fillLucene(text, templates)).toEqual({ text: list(expected), listed: ['actor'] });
  });

  it('inside a phrase and inside a word', () => {
    expect(fillLucene('description:"by $few" AND x-$few', templates)).toEqual({
      text: 'description:("by a" OR "by b") AND (x-a OR x-b)',
      listed: ['few'],
    });
  });
});

it.each([
  ['a custom value for All', 'actor:$custom', 'actor:*'],
  ['a chosen value', 'actor:$one AND x', 'actor:jane AND x'],
  ['no variable', 'actor:a AND b', 'actor:a AND b'],
])('%s needs no report', (_, text, expected) => {
  expect(fillLucene(text, templates)).toEqual({ text: expected, listed: [] });
});

it('a panel repeated by the variable has one value, not All', () => {
  const scopedVars = { actor: { value: 'user7' } };
  expect(fillLucene('actor:$actor', templates, scopedVars)).toEqual({ text: 'actor:user7', listed: [] });
});
