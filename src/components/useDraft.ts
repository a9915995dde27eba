import { useState } from 'react';

interface Draft {
  text: string;
  type: (text: string) => void;
}

/**
 * Keeps the text that is being typed for a value that lives elsewhere. It stays while it is not a valid value, and follows the
 * value when that changes for another reason.
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
