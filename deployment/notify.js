'use strict';

// What --param notify=DESTINATION adds to the created bucket: a notification for each document that
// is written. Documents are the only objects under the output prefix whose keys end in .json.

/** Encodes a prefix as S3 expects it in a filter: percent-encoded, with + for a space.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html */
const encodeFilter = (prefix) =>
  prefix.split('/').map(encodeURIComponent).join('/').replaceAll('%20', '+');

// The property of a bucket's notifications, and in it the destination's, by the service in an ARN
const PROPERTIES = {
  sns: ['TopicConfigurations', 'Topic'],
  sqs: ['QueueConfigurations', 'Queue'],
  lambda: ['LambdaConfigurations', 'Function'],
};

/** Returns the service in the ARN `notify`: sns, sqs or lambda; undefined without an ARN. */
const serviceOf = (notify) => notify.split(':')[2];

/** Adds the notification to a bucket's resource in the template. */
function addNotification(bucket, { notify, outputPrefix }) {
  const notifications = bucket.Properties.NotificationConfiguration;
  if (notify === 'eventbridge') {
    notifications.EventBridgeConfiguration = { EventBridgeEnabled: true };
    return;
  }
  const [property, destination] = PROPERTIES[serviceOf(notify)];
  const Rules = [
    { Name: 'prefix', Value: encodeFilter(outputPrefix) },
    { Name: 'suffix', Value: '.json' },
  ];
  const added = { Event: 's3:ObjectCreated:*', Filter: { S3Key: { Rules } }, [destination]: notify };
  notifications[property] = [...(notifications[property] || []), added];
  // S3 refuses a function that it may not invoke yet; deployment/notify.yml has the permission
  if (serviceOf(notify) === 'lambda') bucket.DependsOn.push('NotifyPermission');
}

/** Returns what `notify` must be instead, or undefined if it can work: S3 sends only to its own region,
 * and the permissions of another account's function are not ours to change. */
function misplaced(notify, ownRegion, ownAccount) {
  const [, , service, region, account] = notify.split(':');
  if (service && region !== ownRegion) return `in the region of the deployment, ${ownRegion}`;
  if (service === 'lambda' && account !== ownAccount) {
    return `a function of this account, ${ownAccount}; a topic or queue may be of another one`;
  }
  return undefined;
}

module.exports = { addNotification, encodeFilter, misplaced, serviceOf };
