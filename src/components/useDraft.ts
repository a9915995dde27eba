import { useState } from 'react';

interface Draft {
  text: string;
  type: (text: string) => void;
}

/**
 * Text being typed for a value that lives elsewhere. What was typed stays, also while it is not a valid value;
 * when the value changes for another reason, the text follows it.
 */
export function useDraft(value: string, accept: (text: string) => void): Draft {
  const [draft, setDraft] = useState({ text: value, basis: value });
  if (draft.basis !== value) {
    const typedIt = draft.text.trim() === value;
    setDraft({ text: typedIt ? draft.text : value, basis: value });
  }
  const type = (text: string) => {
    setDraft((current) => ({ ...current, text }));
    accept(text);
  };
  return { text: draft.text, type };
}
