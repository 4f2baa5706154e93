/**
 * One session for all tabs of a browser: a tab that has none is handed the token of one that has, and signing out in
 * one signs out all. So the token stays in each tab's own storage, and is gone when the last tab is closed.
 */

const CHANNEL = 'service6.session'; // pages of this origin only can hear it

/**
 * @param {object} session
 * @param {() => string | null} session.held this tab's token
 * @param {(token: string) => void} session.took another tab handed over its token
 * @param {() => void} session.left the reader signed out in another tab
 * @returns {{ask: () => void, leave: () => void}} asks the others for their token; tells them that the reader signs out
 */
export function shareSession({ held, took, left }) {
  const channel = new BroadcastChannel(CHANNEL);
  let open = null; // the question that waits for an answer
  const hear = {
    ask: ({ question }) => held() && channel.postMessage({ t: 'answer', question, token: held() }),
    answer: ({ question, token }) => {
      if (question !== open) return;
      open = null;
      took(token);
    },
    leave: () => {
      open = null; // an answer that is under way was sent by a tab that did not know yet
      left();
    },
  };
  channel.onmessage = ({ data }) => hear[data.t]?.(data);
  return {
    ask() {
      open = Math.random();
      channel.postMessage({ t: 'ask', question: open });
    },
    leave() {
      open = null;
      channel.postMessage({ t: 'leave' });
    },
  };
}
